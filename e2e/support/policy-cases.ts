import { kubernetesCases } from './policy-cases/kubernetes.ts';
import { nodeCases } from './policy-cases/nodes.ts';
import { peerCases } from './policy-cases/peers.ts';
import { portCases } from './policy-cases/ports.ts';
import { verdictCases } from './policy-cases/verdicts.ts';

/**
 * Policies, and who reaches whom under each: what the datapath does is held against these, in IPv4 and IPv6. Where nothing is said, all
 * is allowed. Pods and machines are `policyPods` and: `node-0`, `node-1`, and `outside`, which is not of the cluster.
 */
export interface PolicyCase {
  readonly title: string;
  readonly objects: readonly object[];
  /** `client server tcp/8080`, `client server icmp`: from, to, what. Servers listen on 8080 and 9090, by TCP and UDP. */
  readonly allowed: readonly string[];
  /** At least one, by which it is seen that the policy is in force. */
  readonly dropped: readonly string[];
}

/** Which pods there are, by name. `client` and `server` are on one node, the others on another. */
export const policyPods = {
  client: { node: 0, namespace: 'default', labels: { app: 'client', tier: 'front' } },
  server: {
    node: 0,
    namespace: 'default',
    labels: { app: 'server', tier: 'back' },
    serviceAccountName: 'web',
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
  },
  far: { node: 1, namespace: 'default', labels: { app: 'far', tier: 'front' } },
  shopper: { node: 1, namespace: 'shop', labels: { app: 'client', tier: 'front' } },
} as const;

export { peerCases };
export const policyCases: readonly PolicyCase[] = [
  ...peerCases,
  ...portCases,
  ...verdictCases,
  ...kubernetesCases,
  ...nodeCases,
];
