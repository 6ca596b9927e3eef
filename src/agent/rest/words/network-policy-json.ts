import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule } from '../../../api/index.ts';
import { kubeSelectorJson } from './selector-json.ts';

type Json = Readonly<Record<string, unknown>>;

const namespaceLabels = 'k8s:io.cilium.k8s.namespace.labels.';

/** A NetworkPolicy in the shape of Cilium's rules, as `cilium policy get` shows it. */
export function networkPolicyJson({ podSelector, policyTypes, ingress, egress }: NetworkPolicy['spec']): Json {
  const section = (type: 'Ingress' | 'Egress', rules: readonly NetworkPolicyRule[], side: 'from' | 'to') =>
    policyTypes.includes(type) ? { [type.toLowerCase()]: rules.map((rule) => ruleJson(rule, side)) } : {};
  return {
    endpointSelector: kubeSelectorJson(podSelector),
    ...section('Ingress', ingress, 'from'),
    ...section('Egress', egress, 'to'),
  };
}

/** No peers are everybody; Cilium has no element with peers of two kinds, but here it is for people alone. */
function ruleJson({ peers, ports }: NetworkPolicyRule, side: 'from' | 'to'): Json {
  const blocks = peers.flatMap((peer) => ('ipBlock' in peer ? [peer.ipBlock] : []));
  const selectors = peers.flatMap((peer) => ('ipBlock' in peer ? [] : [peerJson(peer)]));
  return {
    ...(peers.length === 0 ? { [`${side}Entities`]: ['all'] } : {}),
    ...(selectors.length === 0 ? {} : { [`${side}Endpoints`]: selectors }),
    ...(blocks.length === 0 ? {} : { [`${side}CIDRSet`]: blocks }),
    ...(ports.length === 0
      ? {}
      : { toPorts: [{ ports: ports.map(({ port = 0, ...more }) => ({ port: String(port), ...more })) }] }),
  };
}

function peerJson(peer: Exclude<NetworkPolicyPeer, { readonly ipBlock: unknown }>): Json {
  const pods = peer.podSelector === undefined ? {} : kubeSelectorJson(peer.podSelector);
  const namespaces =
    peer.namespaceSelector === undefined ? {} : kubeSelectorJson(peer.namespaceSelector, namespaceLabels);
  const labels = { ...pods.matchLabels, ...namespaces.matchLabels };
  const expressions = [...(pods.matchExpressions ?? []), ...(namespaces.matchExpressions ?? [])];
  return {
    ...(Object.keys(labels).length === 0 ? {} : { matchLabels: labels }),
    ...(expressions.length === 0 ? {} : { matchExpressions: expressions }),
  };
}
