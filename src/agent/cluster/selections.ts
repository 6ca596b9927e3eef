import type { KindName } from '../../api/index.ts';
import { kindsOf } from '../../mesh/inputs.ts';
import type { Selection } from '../../sources/index.ts';
import type { Features } from '../agent-options.ts';
import type { ControlPlane } from '../control-plane.ts';

/**
 * What translation reads of a cluster, and no more: Secrets and ConfigMaps only where something refers to them, no Pods, as
 * their addresses come in EndpointSlices. `nodes`: also all Nodes, whose addresses are published in statuses; an agent, of
 * which there are as many as Nodes, reads its own where something selects by its labels. `datapathOf`: the name of the node whose
 * datapath is driven: its own Node and Pods, policies, and what nodes tell each other.
 */
export function selectionsFor(
  { tables }: Pick<ControlPlane, 'tables'>,
  { ingress, gatewayApi, envoyConfig }: Features,
  { nodes, datapathOf }: { readonly nodes: boolean; readonly datapathOf?: string },
): Selection[] {
  const whole: KindName[] = [
    ...kindsOf.core,
    ...(nodes ? (['Node'] as const) : []),
    ...(ingress ? kindsOf.ingress : []),
    ...(gatewayApi ? kindsOf.gatewayApi : []),
    ...(envoyConfig ? kindsOf.envoyConfig : []),
    ...(datapathOf === undefined ? [] : [...kindsOf.policy, ...kindsOf.datapath]),
  ];
  return [
    ...whole.map((kind): Selection => ({ kind })),
    // Its own, as far as a CiliumEnvoyConfig selects nodes by their labels.
    ...(nodes || datapathOf !== undefined ? [] : [{ kind: 'Node', demand: tables.Node.demand } as const]),
    ...(datapathOf === undefined
      ? []
      : ([
          { kind: 'Node', fieldSelector: `metadata.name=${datapathOf}` },
          { kind: 'Pod', fieldSelector: `spec.nodeName=${datapathOf}` },
        ] as const)),
    { kind: 'Secret', demand: tables.Secret.demand },
    { kind: 'ConfigMap', demand: tables.ConfigMap.demand },
  ];
}
