import type { PolicyEntry as KernelEntry } from '../../../gen/abi.ts';
import { formatRuleRef, type PolicyEntry } from '../../../network/policy/index.ts';
import type { EndpointView } from '../view/endpoint-view.ts';
import type { CountedEntryView, PolicyEntryView } from '../view/policy-view.ts';
import type { NodeEndpoint, NodeSources } from './node-sources.ts';

/** Packets and bytes of an entry that is in no map. */
const none = { packets: 0n, bytes: 0n, proxyPort: 0 };

export function endpointView(of: NodeEndpoint, sources: NodeSources): EndpointView {
  const { endpoint, subject, otherLabels, log } = of;
  const { pod, addresses, macs, identity, external, userLabels = [] } = endpoint;
  const { labels: _, ...names } = external ?? { labels: [] };
  const { runtime } = sources.config();
  const { ingress, egress } = subject.enforcement;
  // Whoever has no identity yet is enforced, whatever policies say.
  const isUnknown = identity === undefined;
  const refused = sources.policyMap(endpoint.hostIfindex) === undefined;
  return {
    id: endpoint.id,
    state: endpoint.state,
    ...(endpoint.containerId === '' ? {} : { containerId: endpoint.containerId, containerInterface: endpoint.ifname }),
    ...names,
    ...(pod.name === '' ? {} : { pod: { namespace: pod.namespace, name: pod.name } }),
    ...(isUnknown ? {} : { identity }),
    labels: endpoint.labels,
    otherLabels,
    userLabels,
    ...addresses,
    mac: macs.pod,
    hostMac: macs.host,
    hostInterface: { name: endpoint.hostInterface, index: endpoint.hostIfindex },
    namedPorts: endpoint.namedPorts,
    policy: {
      revision: sources.policyRevision(),
      ingress: isUnknown || ingress.enforced,
      egress: isUnknown || egress.enforced,
      audit: endpoint.audit ?? runtime.audit,
      *entries() {
        for (const entry of subject.entries()) yield entryView(entry);
      },
      counted: () => countedOf(of, sources),
    },
    log,
    faults: refused ? ['its policy is in no map: nothing passes'] : [],
  };
}

function entryView({ direction, identity, protocol, port, portBits, verdict, rule }: PolicyEntry): PolicyEntryView {
  return { direction, identity, protocol, port, portBits, verdict, rule: formatRuleRef(rule) };
}

/** What the engine wants in the map, with what the map has counted. */
function* countedOf({ endpoint, subject }: NodeEndpoint, sources: NodeSources): Generator<CountedEntryView> {
  const id = sources.policyMap(endpoint.hostIfindex);
  const map = id === undefined ? undefined : sources.maps.policies.get(id);
  const counted = new Map<string, KernelEntry>();
  for (const [{ prefixlen, identity, direction, protocol, port }, value] of map?.entries() ?? [])
    counted.set(keyText(prefixlen, identity, direction, protocol, port), value);
  for (const entry of subject.entries()) {
    const { direction, identity, protocol, port, verdict } = entry;
    const key = keyText(prefixLength(entry), identity, direction === 'ingress' ? 0 : 1, protocol, port);
    const { packets, bytes, proxyPort } = counted.get(key) ?? none;
    yield {
      ...entryView(entry),
      packets: Number(packets),
      bytes: Number(bytes),
      ...(verdict === 'redirect' ? { proxyPort } : {}),
    };
  }
}

/** As `bpf/abi/policy.h` counts it: identity and direction are 40 bits, the protocol 8, the port up to 16. */
function prefixLength({ protocol, portBits }: PolicyEntry): number {
  return protocol === 0 ? 40 : 48 + portBits;
}

function keyText(...parts: readonly number[]): string {
  return parts.join(' ');
}
