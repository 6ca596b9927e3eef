import { FlowHub } from '../../../flows/index.ts';
import type { IpcacheSource } from '../../../network/identity/index.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import { endpointView } from './endpoint-fill.ts';
import { flowContext } from './flow-fill.ts';
import { healthView } from './health-fill.ts';
import { ipamView } from './ipam-fill.ts';
import { mapViews } from './map-fill.ts';
import { nodeViews } from './node-fill.ts';
import type { NodeSources } from './node-sources.ts';
import { policyRuleViews } from './policy-fill.ts';

/** As Cilium names who says what an address is. */
const sourceNames = {
  local: 'local',
  'kube-apiserver': 'kube-apiserver',
  node: 'custom-resource',
  endpoint: 'custom-resource',
  policy: 'generated',
} as const satisfies Record<IpcacheSource, string>;

/** The API's view of a running node. The ring buffer's reader feeds its `flows`. */
export function nodeView(sources: NodeSources): DatapathView {
  const { version, cluster, node, engine, endpoints, ipcache, tables, localPolicies } = sources;
  const flows = new FlowHub(flowContext(sources));
  const byId = (id: number) => {
    const found = endpoints.byId(id);
    return found === undefined ? undefined : endpointView(found, sources);
  };
  return {
    version,
    cluster,
    node,
    *endpoints() {
      const all = [...endpoints.values()].sort((a, b) => a.endpoint.id - b.endpoint.id);
      for (const one of all) yield endpointView(one, sources);
    },
    endpoint: byId,
    endpointChanges: sources.endpointChanges,
    identities: () => engine.identities(),
    identity: (id) => engine.identity(id),
    *ipcache() {
      const own = [...sources.nodes()].find(({ isLocal }) => isLocal);
      for (const { prefix, identity, tunnelEndpoint, source, pod } of ipcache.values()) {
        const endpoint = pod === undefined ? undefined : tables.CiliumEndpoint.get(`${pod.namespace}/${pod.name}`);
        const hostIp =
          source === 'local' ? (own?.ipv4 ?? own?.ipv6) : (tunnelEndpoint ?? endpoint?.status.networking?.node);
        yield {
          prefix,
          identity,
          source: sourceNames[source],
          ...(hostIp === undefined ? {} : { hostIp }),
          ...(pod === undefined ? {} : { pod }),
        };
      }
    },
    policy: () => ({ revision: sources.policyRevision(), rules: policyRuleViews(tables, localPolicies.list()) }),
    localPolicies,
    selectors: () => engine.selectors(),
    trace: sources.trace,
    nodes: () => nodeViews(sources),
    health: () => healthView(sources, flows.counters),
    config: sources.config,
    configure: sources.configure,
    ipam: ipamView(sources),
    maps: () => mapViews(sources),
    flows,
    metrics: sources.metrics,
  };
}
