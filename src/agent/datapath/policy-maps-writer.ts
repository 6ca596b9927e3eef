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

/**
 * A map for each policy that endpoints have; equal ones share it. Numbers of policies go on from those of the process before, so
 * that endpoints of its maps are never without their policy: the old maps go once nothing points at them any more.
 */
export class PolicyMapsWriter {
  readonly #maps: PolicyMaps;
  readonly #proxyPort: number;
  readonly #held = new Map<SubjectPolicy, Held>();
  readonly #former: Set<number>;
  #next: number;

  /** @param proxyPort 0: there is no proxy */
  constructor(maps: PolicyMaps, proxyPort: number) {
    this.#maps = maps;
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
    const id = this.#next++;
    let map: Held['map'] | undefined;
    this.#maps.create(id, (empty) => {
      map = new MapReconciler(empty, { same: samePolicyEntry });
      map.replace(this.#pairs(denyFirst([...subject.entries()])));
    });
    this.#held.set(subject, { id, map: map!, users: 1 });
    return id;
  }

  /** Call it when no endpoint of the maps points at the policy any more. */
  release(subject: SubjectPolicy): void {
    const held = this.#held.get(subject);
    if (held === undefined || --held.users > 0) return;
    this.#held.delete(subject);
    this.#maps.delete(held.id);
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
