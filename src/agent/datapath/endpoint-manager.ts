import { isHostInterface, type PodInterface } from '../../cni/index.ts';
import type { LinkRemover, Netlink } from '../../datapath/index.ts';
import type { Log } from '../../lib/log.ts';
import { type Endpoint, EndpointIds, type PodRef } from '../../network/endpoint/index.ts';
import type { Labels } from '../../network/identity/index.ts';
import type { PolicyEngine, SubjectPolicy } from '../../network/policy/index.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import type { EndpointRecords } from './endpoint-records.ts';
import type { IdentityAllocator } from './identity-allocator.ts';
import type { KernelState } from './kernel-state.ts';
import { ManagedEndpoint } from './managed-endpoint.ts';
import type { PodState } from './pod-identities.ts';

/** The programs of the endpoints' interfaces. */
export interface EndpointPrograms {
  /** Also of an interface that has them: they are replaced in place. @throws Fault */
  attach(ifindex: number): void;
  detach(ifindex: number): void;
  /** Names of those that are not there, or not ours. @throws Fault where there is no such interface */
  missing(ifindex: number): readonly string[];
}

export interface EndpointManagerOptions {
  /** The node's routing. */
  readonly netlink: Netlink;
  readonly links: Pick<LinkRemover, 'remove'>;
  readonly records: EndpointRecords;
  readonly programs: EndpointPrograms;
  readonly state: KernelState;
  readonly engine: PolicyEngine;
  readonly identities: IdentityAllocator;
  readonly facts: EndpointFacts;
  /** Told of each endpoint that others should know, or know no more. */
  readonly onChange: (endpoint: Endpoint, change: 'set' | 'removed') => void;
  readonly log: Log;
}

/** The labels of an endpoint whose own are not known. */
const initLabels: Labels = ['reserved:init'];
/** ms until an identity that could not be had is asked for again. */
const identityRetry = 1000;

/**
 * The endpoints of this node, from the first word of the CNI plugin to the last: their ids, records, identities and policies. What
 * the CNI asks for is in `cni-endpoints.ts`; here is what any endpoint goes through, also without a call: a pod's labels change, a
 * process is started anew.
 */
export class EndpointManager {
  readonly #options: EndpointManagerOptions;
  readonly #byKey = new Map<string, ManagedEndpoint>();
  readonly #ids = new EndpointIds();
  readonly #retries = new Set<NodeJS.Timeout>();
  #allReadable = true;
  #closed = false;

  constructor(options: EndpointManagerOptions) {
    this.#options = options;
  }

  values(): IterableIterator<ManagedEndpoint> {
    return this.#byKey.values();
  }
  get(key: string): ManagedEndpoint | undefined {
    return this.#byKey.get(key);
  }
  byId(id: number): ManagedEndpoint | undefined {
    for (const managed of this.#byKey.values()) if (managed.endpoint.id === id) return managed;
    return undefined;
  }

  /** The newest endpoint of a pod. */
  ofPod({ namespace, name }: Pick<PodRef, 'namespace' | 'name'>): Endpoint | undefined {
    const all = [...this.#byKey.values()].map(({ endpoint }) => endpoint);
    return all.findLast(({ pod }) => pod.namespace === namespace && pod.name === name);
  }

  allocateId(): number | undefined {
    return this.#ids.allocate();
  }
  /** This very id; false where somebody has it. */
  claimId(id: number): boolean {
    return this.#ids.claim(id);
  }
  record(endpoint: Endpoint): void {
    this.#options.records.write(endpoint);
  }
  forget(id: number): void {
    this.#options.records.remove(id);
    this.#ids.release(id);
  }
  /** Takes the programs off an interface, or gives back what is known of one that is gone. */
  detach(hostIfindex: number): void {
    this.#options.programs.detach(hostIfindex);
  }

  /**
   * Brings an endpoint whose interface is there under policy: with the identity that its pod has now or, for as long as nobody knows
   * it, as `init`, which may do nothing but what policies say of that. Its packets pass from here on.
   * @throws Fault of the programs; nothing is kept then
   */
  place(endpoint: Endpoint, made: PodInterface, pod: PodState | undefined): ManagedEndpoint {
    const { engine, programs, state } = this.#options;
    // It may be a new one, which the tables have not heard of yet.
    if (endpoint.identity !== undefined) engine.setIdentity({ id: endpoint.identity, labels: endpoint.labels });
    const subject = this.#subjectOf(endpoint);
    const managed = new ManagedEndpoint(endpoint, made, subject);
    managed.otherLabels = pod?.otherLabels ?? [];
    // Policy first: an interface with programs and no endpoint drops, one without programs lets through.
    state.setEndpoint(endpoint, subject);
    state.apply();
    try {
      programs.attach(endpoint.hostIfindex);
    } catch (error) {
      state.deleteEndpoint(endpoint.hostIfindex);
      state.apply();
      engine.release(subject);
      throw error;
    }
    this.#byKey.set(managed.key, managed);
    managed.note(endpoint.identity === undefined ? 'waits for its identity' : 'policy is in force');
    this.#options.onChange(endpoint, 'set');
    if (endpoint.identity === undefined && pod !== undefined) this.#identify(managed, pod);
    return managed;
  }

  /**
   * Cuts it off: nothing that it sends goes on, and nothing reaches it. Its interface is still there, with the programs that see to
   * that, and its record, which says by now that it is to go whoever is asked next.
   * @returns whether the record could be written
   */
  remove(managed: ManagedEndpoint): boolean {
    const { engine, state, records, log } = this.#options;
    managed.removed = true;
    managed.endpoint = { ...managed.endpoint, state: 'disconnecting' };
    let recorded = true;
    try {
      records.write(managed.endpoint);
    } catch (error) {
      recorded = false;
      log.warn({ err: error, endpoint: managed.key }, 'an old record stays');
    }
    this.#byKey.delete(managed.key);
    state.deleteEndpoint(managed.endpoint.hostIfindex);
    state.apply();
    engine.release(managed.subject);
    this.#options.onChange(managed.endpoint, 'removed');
    return recorded;
  }

  /** Programs that somebody took off its interface. @throws Fault where that is gone */
  missingPrograms({ endpoint }: ManagedEndpoint): readonly string[] {
    return this.#options.programs.missing(endpoint.hostIfindex);
  }

  /** In force when it returns, but for a new identity, which follows. Its interface stays the one that it has. */
  change(managed: ManagedEndpoint, change: Partial<Endpoint>): void {
    this.#become(managed, change);
    const facts = this.#options.facts.find(managed.endpoint);
    if (facts !== undefined) this.#identify(managed, facts);
    else if (managed.endpoint.pod.name === '') {
      // The last of its labels is gone; what is asked for already comes too late.
      managed.revision++;
      const { identity: _, ...unknown } = managed.endpoint;
      managed.endpoint = unknown;
      this.#become(managed, { labels: [], state: 'waiting-for-identity' });
    }
  }

  /** What objects say of a pod, or (`namespace/`) of all pods of a namespace, changed. */
  podChanged(key: string): void {
    for (const managed of this.#byKey.values()) {
      const { namespace, name } = managed.endpoint.pod;
      if (name === '' || (key !== `${namespace}/${name}` && key !== `${namespace}/`)) continue;
      const pod = this.#options.facts.find(managed.endpoint);
      // A pod whose object is gone still runs until the CNI is told.
      if (pod !== undefined) this.#identify(managed, pod);
    }
  }

  /**
   * The endpoints of the process before: those whose interface is still there are taken over with the identity they had; the others
   * are for `removeLost`.
   */
  restore(): { readonly kept: readonly ManagedEndpoint[]; readonly lost: readonly Endpoint[] } {
    const { records, netlink, log, facts } = this.#options;
    const { endpoints, unreadable } = records.read();
    if (unreadable.length > 0)
      log.warn({ paths: unreadable }, 'records of endpoints that cannot be read are left alone');
    const kept: ManagedEndpoint[] = [];
    const lost: Endpoint[] = [];
    for (const recorded of endpoints) {
      const link = netlink.links.find(recorded.hostInterface);
      // One that is `creating` is of an ADD that nobody was answered, one that is `disconnecting` of a DEL that may have been.
      const isWanted = !['creating', 'disconnecting'].includes(recorded.state);
      if (link === undefined || !isWanted || !this.#ids.claim(recorded.id)) {
        lost.push(recorded);
        continue;
      }
      const endpoint: Endpoint = { ...recorded, hostIfindex: link.index, state: 'restoring' };
      const made: PodInterface = {
        ...{ containerId: endpoint.containerId, ifname: endpoint.ifname, hostInterface: endpoint.hostInterface },
        ...{ hostIndex: link.index, hostMac: endpoint.macs.host, podMac: endpoint.macs.pod, mtu: link.mtu },
        podIndex: link.peer ?? 0,
        addresses: [endpoint.addresses.ipv4, endpoint.addresses.ipv6].filter((one) => one !== undefined),
      };
      const pod = facts.find(endpoint);
      // As it was: the first packets after a restart meet the policy that they met before. What changed meanwhile follows.
      const subject = this.#subjectOf(endpoint);
      const managed = new ManagedEndpoint(endpoint, made, subject);
      managed.otherLabels = pod?.otherLabels ?? [];
      this.#byKey.set(managed.key, managed);
      this.#options.state.setEndpoint(endpoint, subject);
      managed.note('taken over from the process before');
      kept.push(managed);
    }
    this.#allReadable = unreadable.length === 0;
    return { kept, lost };
  }

  /**
   * Removes what the process before left half-made or half-removed, interfaces and records, and interfaces of pods that are no endpoint's.
   * Once it ends, addresses can be taken back. @throws Fault
   */
  async removeLost(lost: readonly Endpoint[]): Promise<void> {
    const names = new Set(lost.filter(({ chained }) => !chained).map(({ hostInterface }) => hostInterface));
    // Of a record that cannot be read, nobody knows which interface is its.
    await this.removeStrangers((name) => this.#allReadable || names.has(name));
    for (const { id } of lost) this.#options.records.remove(id);
  }

  /**
   * Removes interfaces of pods that are no endpoint's.
   * @param mayGo of these, by their names; calls that are under way must be no matter
   * @throws Fault
   */
  async removeStrangers(mayGo: (name: string) => boolean): Promise<void> {
    const { netlink, links, log } = this.#options;
    const known = new Set(Array.from(this.values(), ({ endpoint }) => endpoint.hostIfindex));
    const strangers = netlink.links
      .list()
      .filter(({ name, index }) => isHostInterface(name) && !known.has(index) && mayGo(name));
    if (strangers.length === 0) return;
    log.info(
      { interfaces: strangers.map(({ name }) => name) },
      'interfaces of pods that are no endpoint’s are removed',
    );
    await Promise.all(strangers.map(({ index }) => links.remove(index)));
  }

  /** After the first `apply`: replaces the programs of endpoints that were restored, and looks what changed of their pods. */
  restored(kept: readonly ManagedEndpoint[]): void {
    const { programs, facts, log } = this.#options;
    for (const managed of kept) {
      try {
        programs.attach(managed.endpoint.hostIfindex);
      } catch (error) {
        managed.note((error as Error).message, true);
        log.error(
          { err: error, endpoint: managed.key },
          'programs could not be replaced: those of the process before stay',
        );
      }
      this.#become(managed, { state: managed.endpoint.identity === undefined ? 'waiting-for-identity' : 'ready' });
      const pod = facts.find(managed.endpoint);
      if (pod !== undefined) this.#identify(managed, pod);
    }
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#retries) clearTimeout(timer);
  }

  /** Makes an endpoint's identity that of its pod's labels; until there is one, it keeps what it has. */
  #identify(managed: ManagedEndpoint, pod: PodState): void {
    const { identities, log } = this.#options;
    const revision = ++managed.revision;
    managed.otherLabels = pod.otherLabels;
    const known = identities.known(pod.labels);
    if (known !== undefined) {
      this.#identified(managed, pod, known);
      return;
    }
    identities.allocate(pod.labels).then(
      (id) => {
        if (managed.revision === revision) this.#identified(managed, pod, id);
      },
      (error: Error) => {
        managed.note(error.message, true);
        log.warn({ err: error, endpoint: managed.key }, 'no identity yet: it is tried again');
        const timer = setTimeout(() => {
          this.#retries.delete(timer);
          if (managed.revision === revision && !managed.removed) this.#identify(managed, pod);
        }, identityRetry);
        timer.unref();
        this.#retries.add(timer);
      },
    );
  }

  #identified(managed: ManagedEndpoint, { labels, namedPorts }: PodState, identity: number): void {
    if (managed.removed || this.#closed) return;
    const { endpoint } = managed;
    const isSame =
      endpoint.identity === identity &&
      endpoint.state === 'ready' &&
      JSON.stringify([endpoint.labels, endpoint.namedPorts]) === JSON.stringify([labels, namedPorts]);
    if (isSame) return;
    this.#options.engine.setIdentity({ id: identity, labels });
    managed.note(`identity ${identity}`);
    this.#become(managed, { labels, namedPorts, identity, state: 'ready' });
  }

  #become(managed: ManagedEndpoint, change: Partial<Endpoint>): void {
    const { engine, state, records, log, onChange } = this.#options;
    const endpoint: Endpoint = { ...managed.endpoint, ...change };
    managed.endpoint = endpoint;
    const before = managed.subject;
    // Counted anew, and the old one given back, also where they are the same.
    managed.subject = this.#subjectOf(endpoint);
    state.setEndpoint(endpoint, managed.subject);
    state.apply();
    engine.release(before);
    try {
      records.write(endpoint);
    } catch (error) {
      managed.note((error as Error).message, true);
      log.warn({ err: error, endpoint: managed.key }, 'an old record stays');
    }
    onChange(endpoint, 'set');
  }

  #subjectOf({ identity, labels, namedPorts }: Endpoint): SubjectPolicy {
    return identity === undefined
      ? this.#options.engine.subject(initLabels, [])
      : this.#options.engine.subject(labels, namedPorts);
  }
}
