import type {
  CiliumClusterwideNetworkPolicy,
  CiliumNetworkPolicy,
  EndpointSelector,
  NetworkPolicy,
  PolicyRule,
  TrafficRule,
} from '../../../api/index.ts';
import { LabelFilter, type Labels, podLabels } from '../../identity/index.ts';

export const CLUSTER = 'here';

const filter = new LabelFilter();

/** Labels of a pod's identity: `pod('shop', { app: 'web' })`. */
export function pod(namespace: string, labels: Record<string, string>, more: Record<string, string> = {}): Labels {
  return podLabels({ labels, namespace, namespaceLabels: more, cluster: CLUSTER }, filter);
}

function meta(name: string, namespace?: string) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {},
    annotations: {},
    creationTimestamp: 0,
    generation: 0,
  };
}

export function traffic(rule: Partial<TrafficRule>): TrafficRule {
  return { requires: [], toPorts: [], icmps: [], ...rule };
}

/** `k8s:app=web`, several of them; without a source `any`; `!key` and plain `key` ask for the key alone. */
export function selector(...requirements: string[]): EndpointSelector {
  return requirements.map((text) => {
    const [, not, source, key, value] = /^(!?)(?:(any|k8s|reserved|node):)?([^=]+)(?:=(.*))?$/.exec(text)!;
    return {
      source: source ?? 'any',
      key: key!,
      operator: value === undefined ? (not ? 'DoesNotExist' : 'Exists') : not ? 'NotIn' : 'In',
      values: value === undefined ? [] : value.split(','),
    };
  });
}

export function rule(of: Partial<PolicyRule>): PolicyRule {
  return {
    field: 'spec',
    subject: { kind: 'endpoints', selector: [] },
    labels: [],
    ingress: [],
    ingressDeny: [],
    egress: [],
    egressDeny: [],
    enableDefaultDeny: {},
    ...of,
  };
}

export function cnp(namespace: string, name: string, ...rules: Partial<PolicyRule>[]): CiliumNetworkPolicy {
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: meta(name, namespace),
    rules: rules.map(rule),
  };
}

export function ccnp(name: string, ...rules: Partial<PolicyRule>[]): CiliumClusterwideNetworkPolicy {
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumClusterwideNetworkPolicy',
    metadata: meta(name),
    rules: rules.map(rule),
  };
}

export function networkPolicy(namespace: string, name: string, spec: Partial<NetworkPolicy['spec']>): NetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(name, namespace),
    spec: {
      podSelector: { matchLabels: {}, matchExpressions: [] },
      policyTypes: ['Ingress'],
      ingress: [],
      egress: [],
      ...spec,
    },
  };
}
