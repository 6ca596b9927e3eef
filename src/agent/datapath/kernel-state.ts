import { type DatapathMaps, MapReconciler } from '../../datapath/index.ts';
import {
  type Address,
  EndpointFlag,
  EndpointKey,
  type Endpoint as EndpointValue,
  type Ipcache4Key,
  type IpcacheEntry as IpcacheValue,
  type LocalAddress,
  LocalAddressFlag,
} from '../../gen/abi.ts';
import { equal } from '../../lib/equal.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Endpoint } from '../../network/endpoint/index.ts';
import { reserved } from '../../network/identity/index.ts';
import type { ChangeStep, EngineChanges, PolicyEngine, SubjectPolicy } from '../../network/policy/index.ts';
import { hostPrefix, type Ipcache, type PrefixChange } from '../../network/routing/index.ts';
import { addressValue, endpointValue, ipcachePair, prefixKey } from './encode.ts';
import { PolicyMapsWriter } from './policy-maps-writer.ts';

/** The maps that the agent alone writes. */
export type KernelMaps = Pick<DatapathMaps, 'endpoints' | 'localAddresses' | 'ipcache4' | 'ipcache6' | 'policies'>;

export interface KernelStateOptions {
  readonly maps: KernelMaps;
  readonly engine: PolicyEngine;
  readonly ipcache: Ipcache;
  readonly audit: boolean;
  /** 0: there is no proxy. */
  readonly proxyPort: number;
}

interface Placed {
  endpoint: Endpoint;
  subject: SubjectPolicy;
  /** What the maps are told, once they are. */
  written:
    | { readonly subject: SubjectPolicy; readonly subjectGeneration: number; readonly value: EndpointValue }
    | undefined;
  fault: Fault | undefined;
}

/**
 * What the kernel's maps should say of endpoints, addresses and policies, and the one order in which they are told: nothing passes
 * that no policy allows, and nothing is dropped that one does, at any moment in between.
 */
export class KernelState {
  readonly #options: KernelStateOptions;
  readonly policies: PolicyMapsWriter;
  readonly endpoints: MapReconciler<number, EndpointValue>;
  readonly localAddresses: MapReconciler<Address, LocalAddress>;
  readonly ipcache4: MapReconciler<Ipcache4Key, IpcacheValue>;
  readonly ipcache6: MapReconciler<Ipcache4Key, IpcacheValue>;
  readonly #placed = new Map<number, Placed>();
  readonly #gone: Placed[] = [];
  #hostAddresses: readonly string[] = [];
  readonly #addresses = new Map<string, LocalAddress>();
  #generation: number;
  #started = false;
  #revision = 0;
  #audit: boolean;

  constructor(options: KernelStateOptions) {
    const { maps } = options;
    this.#options = options;
    this.#audit = options.audit;
    this.policies = new PolicyMapsWriter(maps.policies, options.proxyPort);
    this.endpoints = new MapReconciler(maps.endpoints);
    this.localAddresses = new MapReconciler(maps.localAddresses);
    this.ipcache4 = new MapReconciler(maps.ipcache4);
    this.ipcache6 = new MapReconciler(maps.ipcache6);
    // A generation that a connection was allowed under must not come back.
    this.#generation = Math.max(0, ...Array.from(maps.endpoints.entries(), ([, value]) => value.policyGeneration));
  }

  /** Of the rules that the maps stand for. */
  get revision(): number {
    return this.#revision;
  }

  set audit(audit: boolean) {
    this.#audit = audit;
  }

  /** In force with the next `apply`; its subject stays the caller's to release, once `apply` has returned after it was replaced or removed. */
  setEndpoint(endpoint: Endpoint, subject: SubjectPolicy): void {
    const placed = this.#placed.get(endpoint.hostIfindex);
    if (placed === undefined) {
      this.#placed.set(endpoint.hostIfindex, { endpoint, subject, written: undefined, fault: undefined });
    } else {
      placed.endpoint = endpoint;
      placed.subject = subject;
    }
    const pod = endpoint.pod.name === '' ? {} : { pod: { namespace: endpoint.pod.namespace, name: endpoint.pod.name } };
    this.#options.ipcache.set(
      ownerOf(endpoint.hostIfindex),
      hostPrefixes(endpoint).map((prefix) => ({
        ...{ prefix, identity: endpoint.identity ?? reserved.init, source: 'local', ...pod },
      })),
    );
  }

  deleteEndpoint(hostIfindex: number): void {
    const placed = this.#placed.get(hostIfindex);
    if (placed === undefined) return;
    this.#placed.delete(hostIfindex);
    this.#gone.push(placed);
    this.#options.ipcache.set(ownerOf(hostIfindex), []);
  }

  /** Every address of this node itself. */
  setHostAddresses(addresses: readonly string[]): void {
    this.#hostAddresses = addresses;
  }

  /** Brings all that was said since the last time to the kernel. */
  apply(): EngineChanges {
    const { engine, ipcache } = this.#options;
    const changes = engine.flush();
    this.#revision = changes.revision;
    // An address is an endpoint's once policies have the entries of the endpoint's identity.
    let said = ipcache.changes();
    for (const step of changes.steps) {
      this.#writeStep(step, step.kind === 'policies' ? said : []);
      if (step.kind === 'policies') said = [];
    }
    if (this.#started) this.#writePrefixes(said);
    else this.#replacePrefixes();
    const released: SubjectPolicy[] = [];
    const written: [number, EndpointValue][] = [];
    for (const [ifindex, placed] of this.#placed) {
      const value = this.#update(placed, released);
      if (value !== undefined) written.push([ifindex, value]);
    }
    const gone = this.#gone.splice(0);
    for (const one of gone) if (one.written !== undefined) released.push(one.written.subject);
    if (this.#started) {
      this.endpoints.upsert(written);
      // The index of one that is gone may be another one's already.
      this.endpoints.remove(
        gone.map(({ endpoint }) => endpoint.hostIfindex).filter((index) => !this.#placed.has(index)),
      );
    } else this.endpoints.replace(written);
    this.#writeAddresses();
    for (const subject of released) this.policies.release(subject);
    if (!this.#started) this.policies.dropFormer();
    this.#started = true;
    return changes;
  }

  /** What is not as it should be. */
  faults(): Fault[] {
    return [
      ...this.reconcilers().flatMap(({ fault }) => fault ?? []),
      ...this.policies.faults(),
      ...[...this.#placed.values()].flatMap(({ fault }) => fault ?? []),
    ];
  }

  reconcilers() {
    return [this.endpoints, this.localAddresses, this.ipcache4, this.ipcache6] as const;
  }

  /** Number of the map with an endpoint's policy. */
  policyOf(hostIfindex: number): number | undefined {
    const written = this.#placed.get(hostIfindex)?.written;
    return written === undefined ? undefined : this.policies.idOf(written.subject);
  }

  /** What the map of endpoints is to be told; undefined: nothing new. What it does not use any more goes to `released`. */
  #update(placed: Placed, released: SubjectPolicy[]): EndpointValue | undefined {
    const { endpoint, subject, written } = placed;
    const flags = this.#flagsOf(endpoint, subject);
    const sameSubject = written?.subject === subject;
    let policyId = written?.value.policyId ?? 0;
    if (!sameSubject) {
      try {
        policyId = this.policies.acquire(subject);
        placed.fault = undefined;
      } catch (error) {
        // What has no policy in the map lets nothing through; what has one keeps the old.
        placed.fault = error as Fault;
        return undefined;
      }
    }
    const isSame = sameSubject && written.subjectGeneration === subject.generation && written.value.flags === flags;
    const generation = isSame ? written.value.policyGeneration : ++this.#generation;
    const value = endpointValue(endpoint, { flags, policyId, generation });
    if (written !== undefined && equal(written.value, value)) return undefined;
    placed.written = { subject, subjectGeneration: subject.generation, value };
    if (written !== undefined && !sameSubject) released.push(written.subject);
    return value;
  }

  #flagsOf({ identity, chained }: Endpoint, { enforcement }: SubjectPolicy): number {
    // Whoever is not known yet may do what a policy says of `init`, and no more.
    const always = identity === undefined;
    return (
      (always || enforcement.ingress.enforced ? EndpointFlag.ingressEnforced : 0) |
      (always || enforcement.egress.enforced ? EndpointFlag.egressEnforced : 0) |
      (this.#audit ? EndpointFlag.audit : 0) |
      (chained ? EndpointFlag.chained : 0)
    );
  }

  #writeStep({ subjects, prefixes: { added, removed } }: ChangeStep, said: readonly PrefixChange[]): void {
    const { ipcache } = this.#options;
    for (const { subject, upserts } of subjects) this.policies.upsert(subject, upserts);
    for (const { prefix, id } of added)
      ipcache.set(`policy ${prefix.text}`, [{ prefix: prefix.text, identity: id, source: 'policy' }]);
    for (const { prefix } of removed) ipcache.set(`policy ${prefix.text}`, []);
    const changes = [...said, ...ipcache.changes()];
    if (this.#started) this.#writePrefixes(changes);
    for (const { subject, removals } of subjects) this.policies.remove(subject, removals);
  }

  #writePrefixes(changes: readonly PrefixChange[]): void {
    const lengthOf = ({ prefix }: PrefixChange) => Number(prefix.slice(prefix.indexOf('/') + 1));
    // The longest come first and go last: an address is never, for a moment, of a network that it is not of in the end.
    const set = changes.filter(({ entry }) => entry !== undefined).sort((a, b) => lengthOf(b) - lengthOf(a));
    const gone = changes.filter(({ entry }) => entry === undefined).sort((a, b) => lengthOf(a) - lengthOf(b));
    for (const family of [4, 6] as const) {
      const map = family === 4 ? this.ipcache4 : this.ipcache6;
      map.upsert(
        pairsOf(
          set.map(({ entry }) => ipcachePair(entry!)),
          family,
        ),
      );
      map.remove(
        gone.map(({ prefix }) => prefixKey(prefix)).flatMap((one) => (one.family === family ? [one.key] : [])),
      );
    }
  }

  #replacePrefixes(): void {
    const pairs = Array.from(this.#options.ipcache.values(), ipcachePair);
    this.ipcache4.replace(pairsOf(pairs, 4));
    this.ipcache6.replace(pairsOf(pairs, 6));
  }

  #writeAddresses(): void {
    const wanted = new Map<string, LocalAddress>();
    for (const address of this.#hostAddresses)
      wanted.set(address, {
        ifindex: EndpointKey.hostEndpointKey,
        endpoint: 0,
        flags: LocalAddressFlag.localAddressHost,
      });
    for (const { endpoint } of this.#placed.values())
      for (const address of [endpoint.addresses.ipv4, endpoint.addresses.ipv6])
        if (address !== undefined)
          wanted.set(address, { ifindex: endpoint.hostIfindex, endpoint: endpoint.id, flags: 0 });
    const pairs = (from: Iterable<readonly [string, LocalAddress]>) =>
      Array.from(from, ([address, value]) => [addressValue(address), value] as const);
    if (!this.#started) this.localAddresses.replace(pairs(wanted));
    else {
      this.localAddresses.upsert(
        pairs([...wanted].filter(([address, value]) => !equal(this.#addresses.get(address), value))),
      );
      const gone = [...this.#addresses.keys()].filter((address) => !wanted.has(address));
      this.localAddresses.remove(gone.map(addressValue));
    }
    this.#addresses.clear();
    for (const [address, value] of wanted) this.#addresses.set(address, value);
  }
}

const ownerOf = (hostIfindex: number) => `interface ${hostIfindex}`;

function hostPrefixes({ addresses }: Endpoint): string[] {
  return [addresses.ipv4, addresses.ipv6].filter((address) => address !== undefined).map(hostPrefix);
}

function pairsOf(pairs: readonly ReturnType<typeof ipcachePair>[], family: 4 | 6) {
  return pairs.flatMap((pair) => (pair.family === family ? [[pair.key, pair.value] as const] : []));
}
