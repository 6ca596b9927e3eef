import { MapReconciler, type PolicyMaps, samePolicyEntry } from '../../datapath/index.ts';
import type { PolicyKey, PolicyEntry as PolicyValue } from '../../gen/abi.ts';
import type { Fault } from '../../lib/fault.ts';
import type { PolicyEntry, SubjectPolicy } from '../../network/policy/index.ts';
import { policyEntryKey, policyEntryValue } from './encode.ts';

interface Held {
  readonly id: number;
  readonly map: MapReconciler<PolicyKey, PolicyValue>;
  users: number;
}

/** Maps that are kept. */
const mostSpare = 8;
/** ms after which no program is left that has begun to look into a map for its former endpoint: far more than one packet takes. */
const restOfSpare = 1000;

/**
 * A map for each policy that endpoints have; equal ones share it. Putting a map into the map of maps, or taking it out, waits for an RCU
 * grace period (10 ms), so maps that nobody has any more are kept for policies to come. They keep their entries until then: a program
 * that has begun with an endpoint of before must not find less than its policy. Numbers of policies go on from those of the process before, so
 * that endpoints of its maps are never without their policy: the old maps go once nothing points at them any more.
 */
export class PolicyMapsWriter {
  readonly #maps: PolicyMaps;
  readonly #proxyPort: number;
  readonly #held = new Map<SubjectPolicy, Held>();
  readonly #former: Set<number>;
  readonly #spare: (Omit<Held, 'users'> & { readonly since: number })[] = [];
  readonly #rest: number;
  #next: number;

  /** @param proxyPort 0: there is no proxy */
  constructor(maps: PolicyMaps, proxyPort: number, rest = restOfSpare) {
    this.#maps = maps;
    this.#rest = rest;
    this.#proxyPort = proxyPort;
    this.#former = new Set(maps.ids());
    this.#next = Math.max(0, ...this.#former) + 1;
  }

  /** One more user; the map is whole when this returns. @throws Fault where there can be no more maps */
  acquire(subject: SubjectPolicy): number {
    const held = this.#held.get(subject);
    if (held !== undefined) {
      held.users++;
      return held.id;
    }
    const entries = this.#pairs(denyFirst([...subject.entries()]));
    const { id, map } = this.#refill(entries) ?? this.#create(entries);
    this.#held.set(subject, { id, map, users: 1 });
    return id;
  }

  /** Call it when no endpoint of the maps points at the policy any more. */
  release(subject: SubjectPolicy): void {
    const held = this.#held.get(subject);
    if (held === undefined || --held.users > 0) return;
    this.#held.delete(subject);
    const { id, map } = held;
    if (this.#spare.length < mostSpare) this.#spare.push({ id, map, since: performance.now() });
    else this.#maps.delete(id);
  }

  upsert(subject: SubjectPolicy, entries: readonly PolicyEntry[]): void {
    if (entries.length > 0) this.#held.get(subject)?.map.upsert(this.#pairs(entries));
  }
  remove(subject: SubjectPolicy, entries: readonly PolicyEntry[]): void {
    if (entries.length > 0) this.#held.get(subject)?.map.remove(entries.map(policyEntryKey));
  }

  /** Maps of the process before, which nothing uses now. */
  dropFormer(): void {
    for (const id of this.#former) this.#maps.delete(id);
    this.#former.clear();
  }

  /** Numbers of the maps that nobody has. */
  spare(): number[] {
    return this.#spare.map(({ id }) => id);
  }
  idOf(subject: SubjectPolicy): number | undefined {
    return this.#held.get(subject)?.id;
  }
  mapOf(subject: SubjectPolicy): MapReconciler<PolicyKey, PolicyValue> | undefined {
    return this.#held.get(subject)?.map;
  }
  faults(): Fault[] {
    return [...this.#held.values()].flatMap(({ map }) => map.fault ?? []);
  }
  reconcilers(): MapReconciler<PolicyKey, PolicyValue>[] {
    return Array.from(this.#held.values(), ({ map }) => map);
  }
  get size(): number {
    return this.#held.size + this.#former.size;
  }
  /** Of the fullest: 1 is full. */
  get pressure(): number {
    return Math.max(0, ...Array.from(this.#held.values(), ({ map }) => map.pressure));
  }

  #create(entries: readonly [PolicyKey, PolicyValue][]): Omit<Held, 'users'> {
    const id = this.#next++;
    let map: Held['map'] | undefined;
    this.#maps.create(id, (empty) => {
      map = new MapReconciler(empty, { same: samePolicyEntry });
      map.replace(entries);
    });
    return { id, map: map! };
  }

  /** The longest unused map, if it has rested, or there is no room for another one. */
  #refill(entries: readonly [PolicyKey, PolicyValue][]): Omit<Held, 'users'> | undefined {
    const [oldest] = this.#spare;
    if (oldest === undefined) return undefined;
    const isFull = this.size + this.#spare.length >= this.#maps.maxEntries;
    if (!isFull && performance.now() - oldest.since < this.#rest) return undefined;
    // Entries that are wanted again, too: their counters are another policy's.
    oldest.map.replace([]);
    oldest.map.replace(entries);
    this.#spare.shift();
    return oldest;
  }

  #pairs(entries: Iterable<PolicyEntry>): [PolicyKey, PolicyValue][] {
    return Array.from(entries, (entry) => [policyEntryKey(entry), policyEntryValue(entry, this.#proxyPort)]);
  }
}

/** A map that has no room for all lets through too little, and never too much. */
function denyFirst(entries: readonly PolicyEntry[]): readonly PolicyEntry[] {
  const isDeny = ({ verdict }: PolicyEntry) => verdict === 'deny';
  if (!entries.some(isDeny)) return entries;
  return [...entries.filter(isDeny), ...entries.filter((entry) => !isDeny(entry))];
}
