import type { KindName } from '../../api/index.ts';
import { kindsOf } from '../../mesh/inputs.ts';
import type { Selection } from '../../sources/index.ts';
import type { Features } from '../agent-options.ts';
import type { ControlPlane } from '../control-plane.ts';

/**
 * What translation reads of a cluster, and no more: Secrets and ConfigMaps only where something refers to them, no Pods, as
 * their addresses come in EndpointSlices. `nodes`: also all Nodes, whose addresses are published in statuses; an agent, of
 * which there are as many as Nodes, reads its own where something selects by its labels.
 */
export function selectionsFor(
  { tables }: Pick<ControlPlane, 'tables'>,
  { ingress, gatewayApi, envoyConfig }: Features,
  { nodes }: { readonly nodes: boolean },
): Selection[] {
  const whole: KindName[] = [
    ...kindsOf.core,
    ...(nodes ? (['Node'] as const) : []),
    ...(ingress ? kindsOf.ingress : []),
    ...(gatewayApi ? kindsOf.gatewayApi : []),
    ...(envoyConfig ? kindsOf.envoyConfig : []),
  ];
  return [
    ...whole.map((kind): Selection => ({ kind })),
    // Its own, as far as a CiliumEnvoyConfig selects nodes by their labels.
    ...(nodes ? [] : [{ kind: 'Node', demand: tables.Node.demand } as const]),
    { kind: 'Secret', demand: tables.Secret.demand },
    { kind: 'ConfigMap', demand: tables.ConfigMap.demand },
  ];
}
