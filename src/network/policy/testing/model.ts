import fc from 'fast-check';
import { type ObjectRef, refKey, refOf } from '../../../api/index.ts';
import {
  type Labels,
  makeLabels,
  NodeIdentities,
  nodeLabels,
  remoteNodeLabels,
  reserved,
} from '../../identity/index.ts';
import { type NamedPort, PolicyEngine, type PolicyService, type SubjectPolicy } from '../index.ts';
import { NamedPrefixes } from '../named-prefixes.ts';
import type { EnforcementMode, PolicyObject } from '../policy-engine-types.ts';
import { Services } from '../services.ts';
import { addresses, cidrs, groups, podLabelsArbitrary, policyArbitrary } from './arbitrary.ts';
import { CLUSTER, pod } from './objects.ts';

export const allowLocalhost = true;
const hostLabel = { source: 'reserved', key: 'host', value: '' };

/** `host` is the own one. */
type NodeName = keyof typeof nodeAddresses;
interface ModelNode {
  readonly labels: Readonly<Record<string, string>>;
  readonly isApiServer: boolean;
}
export const nodeAddresses = { host: '198.51.100.1', a: '198.51.100.2', b: '198.51.100.3' } as const;

/** One write to an engine. Identities have the numbers 256 to 263, pods and Services few names. */
export type Write =
  | { readonly do: 'policy'; readonly policy: PolicyObject }
  | { readonly do: 'no policy'; readonly which: number }
  | { readonly do: 'identity'; readonly id: number; readonly labels: Labels | undefined }
  | {
      readonly do: 'ports';
      readonly pod: string;
      readonly identity: number;
      readonly ports: readonly NamedPort[] | undefined;
    }
  | { readonly do: 'service'; readonly key: string; readonly service: PolicyService | undefined }
  | { readonly do: 'prefixes'; readonly name: string; readonly prefixes: readonly string[] }
  | { readonly do: 'node'; readonly name: NodeName; readonly node: ModelNode | undefined }
  | { readonly do: 'subject'; readonly labels: Labels; readonly ports: readonly NamedPort[] }
  | { readonly do: 'no subject'; readonly which: number }
  | { readonly do: 'mode'; readonly mode: EnforcementMode }
  | { readonly do: 'flush' };

const ports = fc.constantFrom<readonly NamedPort[]>(
  [],
  [{ name: 'http', port: 80, protocol: 'TCP' }],
  [
    { name: 'http', port: 8080, protocol: 'TCP' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ],
);
const id = fc.integer({ min: 256, max: 263 });
const service = fc.record({
  namespace: fc.constantFrom('shop', 'bank'),
  name: fc.constantFrom('web', 'legacy'),
  labels: fc.constantFrom<Record<string, string>>({}, { kind: 'open' }),
  target: fc.constantFrom<Record<string, unknown>>(
    { selector: { app: 'web' } },
    { addresses: ['10.1.2.3', '192.0.2.1'] },
  ),
});

const node = fc.record({
  labels: fc.constantFrom<Record<string, string>>(
    {},
    { zone: 'a' },
    { zone: 'b', other: 'x' },
    { role: '', zone: 'a' },
  ),
  isApiServer: fc.boolean(),
});

export const writeArbitrary: fc.Arbitrary<Write> = fc.oneof(
  { weight: 8, arbitrary: policyArbitrary.map((policy) => ({ do: 'policy' as const, policy })) },
  { weight: 3, arbitrary: fc.nat({ max: 8 }).map((which) => ({ do: 'no policy' as const, which })) },
  {
    weight: 8,
    arbitrary: fc.tuple(id, podLabelsArbitrary).map(([id, labels]) => ({ do: 'identity' as const, id, labels })),
  },
  { weight: 2, arbitrary: id.map((id) => ({ do: 'identity' as const, id, labels: undefined })) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('shop/a', 'bank/b', 'bank/c'), id, fc.option(ports, { nil: undefined }))
      .map(([of, identity, ports]) => ({ do: 'ports' as const, pod: of, identity, ports })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(service, fc.boolean()).map(([{ target, ...rest }, there]) => ({
      do: 'service' as const,
      key: `${rest.namespace}/${rest.name}`,
      service: there ? ({ addresses: [], ...target, ...rest } as PolicyService) : undefined,
    })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...groups), fc.uniqueArray(fc.constantFrom(...cidrs, ...addresses), { maxLength: 3 }))
      .map(([name, prefixes]) => ({ do: 'prefixes' as const, name, prefixes })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom<NodeName>('host', 'a', 'b'), fc.option(node, { nil: undefined, freq: 5 }))
      .map(([name, node]) => ({ do: 'node' as const, name, node })),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(podLabelsArbitrary, ports)
      .map(([labels, ports]) => ({ do: 'subject' as const, labels, ports })),
  },
  { weight: 1, arbitrary: fc.nat({ max: 4 }).map((which) => ({ do: 'no subject' as const, which })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('default', 'always', 'never')
      .map((mode) => ({ do: 'mode' as const, mode: mode as EnforcementMode })),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'flush' as const }) },
);

/** What is there after some writes, in the plainest form. */
export class Model {
  readonly policies = new Map<string, PolicyObject>();
  readonly identities = new Map<number, Labels>();
  readonly ports = new Map<string, { readonly identity: number; readonly ports: readonly NamedPort[] }>();
  readonly services = new Map<string, PolicyService>();
  readonly prefixSets = new Map<string, readonly string[]>();
  readonly nodes = new Map<NodeName, ModelNode>();
  readonly #nodeIdentities = new WeakMap<PolicyEngine, NodeIdentities>();
  readonly subjects: { readonly labels: Labels; readonly ports: readonly NamedPort[] }[] = [];
  mode: EnforcementMode = 'default';

  /** The same writes to an engine; `held` are the subjects that it gave. Flushes are told to `onFlush`. */
  write(write: Write, engine: PolicyEngine, held: SubjectPolicy[], onFlush: () => void): void {
    switch (write.do) {
      case 'policy':
        this.policies.set(refKey(refOf(write.policy)), write.policy);
        engine.setPolicy(write.policy);
        break;
      case 'no policy': {
        const [key, policy] = [...this.policies][write.which] ?? [];
        if (policy === undefined) break;
        this.policies.delete(key!);
        engine.deletePolicy(refOf(policy) as ObjectRef);
        break;
      }
      case 'identity':
        if (write.labels === undefined) {
          this.identities.delete(write.id);
          engine.deleteIdentity(write.id);
        } else {
          this.identities.set(write.id, write.labels);
          engine.setIdentity({ id: write.id, labels: write.labels });
        }
        break;
      case 'ports':
        if (write.ports === undefined) {
          this.ports.delete(write.pod);
          engine.deletePeerPorts(write.pod);
        } else {
          this.ports.set(write.pod, { identity: write.identity, ports: write.ports });
          engine.setPeerPorts(write.pod, write.identity, write.ports);
        }
        break;
      case 'service':
        if (write.service === undefined) {
          this.services.delete(write.key);
          engine.deleteService(write.key);
        } else {
          this.services.set(write.key, write.service);
          engine.setService(write.key, write.service);
        }
        break;
      case 'prefixes':
        this.prefixSets.set(write.name, write.prefixes);
        engine.setPrefixSet(write.name, write.prefixes);
        break;
      case 'node':
        if (write.node === undefined) this.nodes.delete(write.name);
        else this.nodes.set(write.name, write.node);
        break;
      case 'subject':
        this.subjects.push({ labels: write.labels, ports: write.ports });
        held.push(engine.subject(write.labels, write.ports));
        break;
      case 'no subject': {
        this.subjects.splice(write.which, 1);
        const [subject] = held.splice(write.which, 1);
        if (subject !== undefined) engine.release(subject);
        break;
      }
      case 'mode':
        this.mode = write.mode;
        engine.setEnforcement(write.mode);
        break;
    }
    this.#tellNodes(engine);
    if (write.do !== 'flush') return;
    onFlush();
    if (this.settleNodes(engine)) onFlush();
  }

  /** As the agent does, before policies are in force, and once they are. */
  #tellNodes(engine: PolicyEngine): void {
    const { keys } = engine.nodeLabelKeys;
    const identities = this.#nodeIdentities.getOrInsertComputed(engine, () => new NodeIdentities());
    const others = [...this.nodes].filter(([name]) => name !== 'host');
    const { added, removed } = identities.update(
      others.map(([, node]) => remoteNodeLabels(nodeLabels(node.labels, keys), node.isApiServer)),
    );
    for (const { id } of removed) engine.deleteIdentity(id);
    for (const identity of added) engine.setIdentity(identity);
    const own = nodeLabels(this.nodes.get('host')?.labels ?? {}, keys);
    engine.setIdentity({ id: reserved.host, labels: makeLabels([...own, hostLabel]) });
  }
  settleNodes(engine: PolicyEngine): boolean {
    const changed = engine.nodeLabelKeys.settle();
    if (changed) this.#tellNodes(engine);
    return changed;
  }

  /** Who each node is to the engine, and all of its labels. */
  nodeIdentities(
    engine: PolicyEngine,
  ): { readonly name: NodeName; readonly identity: number; readonly labels: Labels }[] {
    const { keys } = engine.nodeLabelKeys;
    const identities = this.#nodeIdentities.get(engine)!;
    return [...this.nodes].map(([name, { labels, isApiServer }]) => {
      const all = nodeLabels(labels, new Set(Object.keys(labels)));
      if (name === 'host') return { name, identity: reserved.host, labels: makeLabels([...all, hostLabel]) };
      const identity = identities.numberOf(remoteNodeLabels(nodeLabels(labels, keys), isApiServer));
      return { name, identity, labels: remoteNodeLabels(all, isApiServer) };
    });
  }

  /** An engine that gets what is there at once, in another order. */
  rebuild(): { readonly engine: PolicyEngine; readonly held: SubjectPolicy[] } {
    const engine = newEngine(this.mode);
    const held = this.subjects.map(({ labels, ports }) => engine.subject(labels, ports));
    for (const [of, { identity, ports }] of [...this.ports].reverse()) engine.setPeerPorts(of, identity, ports);
    for (const [id, labels] of [...this.identities].reverse()) engine.setIdentity({ id, labels });
    for (const [name, prefixes] of [...this.prefixSets].reverse()) engine.setPrefixSet(name, prefixes);
    for (const policy of [...this.policies.values()].reverse()) engine.setPolicy(policy);
    this.#tellNodes(engine);
    for (const [key, one] of this.services) engine.setService(key, one);
    return { engine, held };
  }

  portsOf(identity: number): NamedPort[] {
    return [...this.ports.values()].filter((one) => one.identity === identity).flatMap((one) => one.ports);
  }

  sources(): { readonly prefixes: NamedPrefixes; readonly services: Services } {
    const prefixes = new NamedPrefixes();
    for (const [name, of] of this.prefixSets) prefixes.set(name, of);
    const services = new Services();
    for (const [key, one] of this.services) services.set(key, one);
    return { prefixes, services };
  }
}

export function newEngine(enforcement: EnforcementMode = 'default'): PolicyEngine {
  return new PolicyEngine({ cluster: CLUSTER, enforcement, allowLocalhost });
}

/** A subject that policies of these tests often select. */
export const web = pod('shop', { app: 'web', tier: 'front' }, { team: 'a' });
