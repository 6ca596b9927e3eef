import type { LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/index.ts';
import { NAMESPACE_LABEL, NAMESPACE_LABELS_PREFIX, type Prefix, parsePrefix } from '../identity/index.ts';
import { IP_PROTOCOLS } from './ip-protocols.ts';
import type { Direction } from './policy-entry.ts';
import type { Grant, Peer, PortMatch, Rule, Section } from './rule.ts';
import type { RuleRef } from './rule-ref.ts';
import type { Requirement, Selector } from './selector.ts';

type RefOf = (path: string) => RuleRef;

/**
 * A Kubernetes NetworkPolicy: the pods that it selects are isolated in the directions of `policyTypes`, and each of its rules
 * allows. Its networks are those outside of the cluster: pods are selected by labels alone (the API leaves that open).
 */
export function networkPolicyRules(policy: NetworkPolicy, ref: RefOf): Rule[] {
  const { podSelector, policyTypes, ingress, egress } = policy.spec;
  const namespace = policy.metadata.namespace ?? 'default';
  const section = (direction: Direction, rules: NetworkPolicy['spec']['ingress']): Section => ({
    ref: ref(direction),
    defaultDeny: true,
    grants: rules.map((rule, i): Grant => {
      const path = `${direction}[${i}]`;
      return {
        verdict: 'allow',
        peers: rule.peers.length === 0 ? 'any' : rule.peers.map((peer) => peerOf(peer, namespace)),
        ...(rule.ports.length === 0
          ? {}
          : { ports: rule.ports.map((port, j) => portOf(port, ref(`${path}.ports[${j}]`))) }),
        ref: ref(path),
      };
    }),
    requires: [],
  });
  return [
    {
      subject: { kind: 'endpoint', selector: [...labelRequirements(podSelector, ''), inNamespace(namespace)] },
      sections: {
        ...(policyTypes.includes('Ingress') ? { ingress: section('ingress', ingress) } : {}),
        ...(policyTypes.includes('Egress') ? { egress: section('egress', egress) } : {}),
      },
    },
  ];
}

function peerOf(peer: NetworkPolicyPeer, namespace: string): Peer {
  if ('ipBlock' in peer) {
    const prefix = parsePrefix(peer.ipBlock.cidr) as Prefix;
    const except = peer.ipBlock.except.map((cidr) => parsePrefix(cidr) as Prefix);
    return { kind: 'prefix', prefix, except };
  }
  const { podSelector, namespaceSelector } = peer;
  const pods = podSelector === undefined ? [] : labelRequirements(podSelector, '');
  const namespaces: Selector =
    namespaceSelector === undefined
      ? [inNamespace(namespace)]
      : [...labelRequirements(namespaceSelector, NAMESPACE_LABELS_PREFIX), anyNamespace];
  return { kind: 'labels', selector: [...pods, ...namespaces] };
}

function portOf({ protocol, port, endPort }: NetworkPolicyPort, ref: RuleRef): PortMatch {
  const protocols = [IP_PROTOCOLS[protocol]];
  if (port === undefined) return { protocols, ref };
  return { protocols, port: typeof port === 'string' ? port : { first: port, last: endPort ?? port }, ref };
}

/** Kubernetes' labels as requirements on an identity's: `prefix` is before those of namespaces. */
function labelRequirements({ matchLabels, matchExpressions }: LabelSelector, prefix: string): Requirement[] {
  return [
    ...Object.entries(matchLabels).map(([key, value]): Requirement => has(prefix + key, value)),
    ...matchExpressions.map(
      ({ key, operator, values }): Requirement => ({
        source: 'k8s',
        key: prefix + key,
        operator,
        values: [...values].sort(),
      }),
    ),
  ];
}

function has(key: string, value: string): Requirement {
  return { source: 'k8s', key, operator: 'In', values: [value] };
}

/** Only pods have a namespace, so this says as well that a pod is meant. */
const anyNamespace: Requirement = { source: 'k8s', key: NAMESPACE_LABEL, operator: 'Exists', values: [] };

function inNamespace(namespace: string): Requirement {
  return has(NAMESPACE_LABEL, namespace);
}
