import { DesiredEntries, MapStage, type Stage, type TypedMap } from '../../datapath/index.ts';
import { EndpointFlag, type Endpoint as EndpointValue } from '../../gen/abi.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Endpoint } from '../../network/endpoint/index.ts';
import type { SubjectPolicy } from '../../network/policy/index.ts';
import type { PrefixChange } from '../../network/routing/index.ts';
import { endpointValue } from './encode.ts';
import type { PolicyMapsWriter } from './policy-maps-writer.ts';

interface Placed {
  endpoint: Endpoint;
  subject: SubjectPolicy;
  /** What the map is told, once it is. */
  written:
    | { readonly subject: SubjectPolicy; readonly subjectGeneration: number; readonly value: EndpointValue }
    | undefined;
  fault: Fault | undefined;
}

/**
 * Which endpoint is behind which interface, with its policy's map, which is whole before the endpoint points at it, and is let go once
 * it does so no longer. What is looked at again is what was set, and what has a policy that changed.
 */
export class EndpointStage implements Stage {
  readonly #policies: PolicyMapsWriter;
  readonly #desired: DesiredEntries<number, EndpointValue>;
  readonly #map: MapStage<number, EndpointValue>;
  readonly #placed = new Map<number, Placed>();
  readonly #bySubject = new Map<SubjectPolicy, Set<number>>();
  /** To be looked at again. */
  readonly #dirty = new Set<number>();
  /** Those of whose connections some may be somebody else's by now. */
  readonly #stale = new Set<number>();
  /** Those for whose policy there was no room. */
  readonly #waiting = new Set<number>();
  #released: SubjectPolicy[] = [];
  /** What the process before left, until the first `drain`. */
  #former: ReadonlyMap<number, EndpointValue>;
  #audit: boolean;
  #generation: number;

  /** @throws Fault where the map cannot be read */
  constructor(map: TypedMap<number, EndpointValue>, policies: PolicyMapsWriter, audit: boolean) {
    this.#policies = policies;
    this.#audit = audit;
    this.#desired = new DesiredEntries(map.keyLayout);
    this.#map = new MapStage(map, this.#desired);
    this.#former = new Map(map.entries());
    // A generation that a connection was allowed under must not come back.
    this.#generation = Math.max(0, ...Array.from(this.#former.values(), ({ policyGeneration }) => policyGeneration));
  }

  set audit(audit: boolean) {
    this.#audit = audit;
    for (const ifindex of this.#placed.keys()) this.#dirty.add(ifindex);
  }

  set(endpoint: Endpoint, subject: SubjectPolicy): void {
    const ifindex = endpoint.hostIfindex;
    const placed = this.#placed.get(ifindex);
    if (placed === undefined) this.#placed.set(ifindex, { endpoint, subject, written: undefined, fault: undefined });
    else {
      this.#forget(ifindex, placed.subject);
      placed.endpoint = endpoint;
      placed.subject = subject;
    }
    const sharing = this.#bySubject.get(subject);
    if (sharing === undefined) this.#bySubject.set(subject, new Set([ifindex]));
    else sharing.add(ifindex);
    this.#dirty.add(ifindex);
  }

  delete(ifindex: number): boolean {
    const placed = this.#placed.get(ifindex);
    if (placed === undefined) return false;
    this.#placed.delete(ifindex);
    this.#forget(ifindex, placed.subject);
    for (const set of [this.#dirty, this.#stale, this.#waiting]) set.delete(ifindex);
    if (placed.written !== undefined) this.#released.push(placed.written.subject);
    this.#desired.delete(ifindex);
    return true;
  }

  /** Its policy changed. */
  touch(subject: SubjectPolicy): void {
    for (const ifindex of this.#bySubject.get(subject) ?? []) this.#dirty.add(ifindex);
  }

  /**
   * Addresses that went over to other identities: where a policy treats the two differently, connections are judged again. The programs see
   * for themselves who the peer is only where it costs nothing, as with this node's pods; the rest is found out here, once for each policy.
   */
  judgeAgain(moves: readonly Pick<PrefixChange, 'was' | 'is' | 'source'>[]): void {
    const others = moves.filter(({ was, is, source }) => was !== is && source !== 'local');
    const pairs = [...new Map(others.map((move) => [`${move.was} ${move.is}`, move])).values()];
    if (pairs.length === 0) return;
    for (const [subject, sharing] of this.#bySubject) {
      if (pairs.every(({ was, is }) => subject.treatsAlike(was, is))) continue;
      for (const ifindex of sharing) {
        this.#dirty.add(ifindex);
        this.#stale.add(ifindex);
      }
    }
  }

  /** Whether it is the policy of an endpoint. */
  has(subject: SubjectPolicy): boolean {
    return this.#bySubject.has(subject);
  }

  /** Whether there is room by now for a policy that there was none for. */
  get canGoOn(): boolean {
    return this.#waiting.size > 0 && this.#policies.hasRoom;
  }

  fill(): void {
    if (this.#policies.hasRoom) for (const ifindex of this.#waiting) this.#dirty.add(ifindex);
    const former = this.#former.size > 0 ? this.#formerPolicies() : undefined;
    for (const ifindex of this.#dirty) this.#update(this.#placed.get(ifindex) as Placed, former);
    this.#dirty.clear();
    this.#map.fill();
  }

  drain(): void {
    this.#map.drain();
    this.#former = new Map();
    for (const subject of this.#released) this.#policies.release(subject);
    this.#released = [];
    if (this.#policies.hasFormer)
      this.#policies.dropFormer(new Set(Array.from(this.#desired.entries(), ([, { policyId }]) => policyId)));
  }

  check(): Generator<void, number> {
    return this.#map.check();
  }
  states() {
    return this.#map.states();
  }
  faults(): Fault[] {
    return Array.from(this.#waiting, (ifindex) => this.#placed.get(ifindex)?.fault).filter((one) => one !== undefined);
  }
  policyOf(ifindex: number): number | undefined {
    return this.#placed.get(ifindex)?.written?.value.policyId;
  }

  #forget(ifindex: number, subject: SubjectPolicy): void {
    const sharing = this.#bySubject.get(subject);
    sharing?.delete(ifindex);
    if (sharing?.size === 0) this.#bySubject.delete(subject);
  }

  /**
   * Maps of the process before that their endpoints may go on with: they have one policy, and nobody else has it, as until the end of this
   * the map also holds what the policy was before.
   */
  #formerPolicies(): ReadonlyMap<SubjectPolicy, number> {
    const idOf = (ifindex: number) => this.#former.get(ifindex)?.policyId;
    const users = new Map<number, number>();
    for (const [ifindex, { policyId }] of this.#former)
      if (this.#placed.has(ifindex)) users.set(policyId, (users.get(policyId) ?? 0) + 1);
    const found = new Map<SubjectPolicy, number>();
    for (const [subject, sharing] of this.#bySubject) {
      const [id, ...others] = new Set(Array.from(sharing, idOf));
      if (id !== undefined && others.length === 0 && users.get(id) === sharing.size) found.set(subject, id);
    }
    return found;
  }

  #update(placed: Placed, former: ReadonlyMap<SubjectPolicy, number> | undefined): void {
    const { endpoint, subject, written } = placed;
    const { hostIfindex } = endpoint;
    const flags = this.#flagsOf(endpoint, subject);
    const isSameSubject = written?.subject === subject;
    let policyId = written?.value.policyId ?? 0;
    if (isSameSubject) this.#waiting.delete(hostIfindex);
    else {
      try {
        policyId = this.#policies.acquire(subject, former?.get(subject));
        placed.fault = undefined;
        this.#waiting.delete(hostIfindex);
      } catch (error) {
        // What has no policy in the map lets nothing through; what has one keeps the old, the process before's as well.
        placed.fault = error as Fault;
        this.#waiting.add(hostIfindex);
        const before = this.#former.get(hostIfindex);
        if (before?.id === endpoint.id) this.#desired.set(hostIfindex, before);
        return;
      }
    }
    const isSame =
      !this.#stale.delete(hostIfindex) &&
      isSameSubject &&
      written.subjectGeneration === subject.generation &&
      written.value.flags === flags;
    const generation = isSame ? written.value.policyGeneration : ++this.#generation;
    const value = endpointValue(endpoint, { flags, policyId, generation });
    if (written !== undefined && !isSameSubject) this.#released.push(written.subject);
    placed.written = { subject, subjectGeneration: subject.generation, value };
    this.#desired.set(hostIfindex, value);
  }

  #flagsOf({ identity, chained, audit }: Endpoint, { enforcement }: SubjectPolicy): number {
    // Whoever is not known yet may do what a policy says of `init`, and no more.
    const always = identity === undefined;
    return (
      (always || enforcement.ingress.enforced ? EndpointFlag.ingressEnforced : 0) |
      (always || enforcement.egress.enforced ? EndpointFlag.egressEnforced : 0) |
      ((audit ?? this.#audit) ? EndpointFlag.audit : 0) |
      (chained ? EndpointFlag.chained : 0)
    );
  }
}
