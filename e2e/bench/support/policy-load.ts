/**
 * A process of its own that fills a policy engine and changes it, and prints what that took as one line of JSON: so memory is that
 * of nothing else. Run with --expose-gc.
 */
import type { CiliumClusterwideNetworkPolicy, CiliumNetworkPolicy, EndpointSelector } from '../../../src/api/index.ts';
import { LabelFilter, type Labels, podLabels } from '../../../src/network/identity/index.ts';
import { PolicyEngine } from '../../../src/network/policy/index.ts';

export interface PolicyLoad {
  /** ms */
  readonly fromNothing: number;
  readonly entries: number;
  /** Of a policy that selects all 100 endpoints, and allows the pods of one app of every namespace: 50 identities. */
  readonly policyChange: readonly number[];
  readonly policyEntries: number;
  /** The same with a tenth of all identities. */
  readonly largeChange: readonly number[];
  readonly largeEntries: number;
  readonly identityAdded: readonly number[];
  readonly identityEntries: number;
  /** MB of heap that the engine and its inputs hold. */
  readonly heap: number;
  readonly inputs: number;
  /** MB resident, of the whole process. */
  readonly resident: number;
}

const namespaces = 50;
const apps = 200;
const rounds = Number(process.argv[2] ?? 200);
const filter = new LabelFilter();

const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);
const megabytes = (bytes: number) => bytes / 1e6;

function labelsOf(namespace: number, app: number): Labels {
  const labels = { app: `app-${app}`, tier: `tier-${app % 10}`, 'app.kubernetes.io/part-of': `part-${app % 20}` };
  const namespaceLabels = { team: `team-${namespace % 10}` };
  return podLabels({ labels, namespace: `ns-${namespace}`, namespaceLabels, cluster: 'default' }, filter);
}

const is = (key: string, ...values: string[]): EndpointSelector => [{ source: 'k8s', key, operator: 'In', values }];
const meta = (name: string, namespace?: string) => ({
  ...{ name, labels: {}, annotations: {}, creationTimestamp: 0, generation: 0 },
  ...(namespace === undefined ? {} : { namespace }),
});
const tcp = (port: number) => [{ ports: [{ port, protocol: 'TCP' as const }], serverNames: [] }];
const rest = { field: 'spec', labels: [], ingressDeny: [], egressDeny: [], enableDefaultDeny: {} } as const;
const traffic = { requires: [], icmps: [] } as const;

/** Twenty in each namespace, each about a twentieth of its pods: callers of the namespace, of another team, and a network. */
function policyOf(i: number): CiliumNetworkPolicy {
  const namespace = i % namespaces;
  const part = Math.floor(i / namespaces);
  const team = is('io.cilium.k8s.namespace.labels.team', `team-${(namespace + 3) % 10}`);
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: meta(`policy-${i}`, `ns-${namespace}`),
    rules: [
      {
        ...rest,
        subject: { kind: 'endpoints', selector: is('app.kubernetes.io/part-of', `part-${part % 20}`) },
        ingress: [
          { ...traffic, peers: { kind: 'endpoints', selectors: [is('tier', `tier-${i % 10}`)] }, toPorts: tcp(8080) },
          { ...traffic, peers: { kind: 'endpoints', selectors: [team] }, toPorts: tcp(9090) },
        ],
        egress: [
          { ...traffic, peers: { kind: 'entities', entities: ['cluster'] }, toPorts: tcp(443) },
          {
            ...traffic,
            peers: { kind: 'cidrs', cidrs: [{ cidr: `10.${i % 200}.0.0/16`, except: [`10.${i % 200}.7.0/24`] }] },
            toPorts: [],
          },
        ],
      },
    ],
  };
}

function everywhere(from: EndpointSelector, port: number): CiliumClusterwideNetworkPolicy {
  const peers = { kind: 'endpoints' as const, selectors: [from] };
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumClusterwideNetworkPolicy',
    metadata: meta('everywhere'),
    rules: [
      {
        ...rest,
        subject: { kind: 'endpoints', selector: [] },
        ingress: [{ ...traffic, peers, toPorts: tcp(port) }],
        egress: [],
      },
    ],
  };
}

collect();
const empty = process.memoryUsage().heapUsed;
const identities = Array.from({ length: namespaces * apps }, (_, i) => ({
  id: 256 + i,
  labels: labelsOf(Math.floor(i / apps), i % apps),
}));
const policies = Array.from({ length: 1000 }, (_, i) => policyOf(i));
const endpoints = Array.from({ length: 100 }, (_, i) => labelsOf(i % namespaces, (i * 7) % apps));
collect();
const inputs = process.memoryUsage().heapUsed - empty;

let begin = performance.now();
const engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: true });
for (const identity of identities) engine.setIdentity(identity);
for (const policy of policies) engine.setPolicy(policy);
for (const labels of endpoints) engine.subject(labels, []);
engine.flush();
const fromNothing = performance.now() - begin;
let entries = 0;
for (const subject of engine.subjects()) entries += subject.entryCount;
collect();
const heap = process.memoryUsage().heapUsed - empty;
const resident = process.memoryUsage().rss;

const count = () =>
  engine
    .flush()
    .steps.reduce((sum, { subjects }) => sum + subjects.reduce((all, one) => all + one.upserts.length, 0), 0);
function change(from: EndpointSelector): { times: number[]; changed: number } {
  const times: number[] = [];
  let changed = 0;
  for (let i = 0; i < rounds; i++) {
    begin = performance.now();
    engine.setPolicy(everywhere(from, 1000 + i));
    changed = count();
    times.push(performance.now() - begin);
  }
  return { times, changed };
}
const small = change(is('app', 'app-1'));
const large = change(is('tier', 'tier-1'));
const identityAdded: number[] = [];
let identityEntries = 0;
for (let i = 0; i < rounds; i++) {
  begin = performance.now();
  engine.setIdentity({ id: 20_000 + i, labels: [...labelsOf(i % namespaces, 1), 'k8s:new=yes'] });
  identityEntries = count();
  identityAdded.push(performance.now() - begin);
}
const load: PolicyLoad = {
  ...{ fromNothing, entries, identityAdded, identityEntries },
  ...{ policyChange: small.times, policyEntries: small.changed, largeChange: large.times, largeEntries: large.changed },
  ...{ heap: megabytes(heap), inputs: megabytes(inputs), resident: megabytes(resident) },
};
console.log(JSON.stringify(load));
