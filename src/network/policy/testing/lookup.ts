import assert from 'node:assert/strict';
import { covers, type Prefix, parsePrefix } from '../../identity/index.ts';
import { strength } from '../class-entries.ts';
import type { ChangeStep, EngineChanges, PolicyEngine, SubjectPolicy } from '../index.ts';
import { type Direction, entryKey, type PolicyEntry, type Verdict } from '../policy-entry.ts';

/** What the kernel holds after these changes, and what its programs make of a packet. */
export class Kernel {
  readonly ipcache = new Map<string, { readonly prefix: Prefix; readonly identity: number }>();
  readonly maps = new Map<number, Map<string, PolicyEntry>>();

  readonly enforcement = new Map<number, SubjectPolicy['enforcement']>();

  constructor(from?: Kernel) {
    for (const [id, map] of from?.maps ?? []) this.maps.set(id, new Map(map));
    for (const [prefix, of] of from?.ipcache ?? []) this.ipcache.set(prefix, of);
    for (const [id, of] of from?.enforcement ?? []) this.enforcement.set(id, of);
  }

  /** In the order that is asked for; `afterEach` sees the kernel after each single write. */
  apply(
    { steps }: EngineChanges,
    afterEach: () => void = () => undefined,
    said: readonly { readonly prefix: Prefix; readonly id: number }[] = [],
  ): void {
    if (steps[0]?.kind !== 'networks come') this.#say(said, afterEach);
    for (const step of steps) this.#write(step, afterEach, step.kind === 'networks come' ? said : []);
  }

  #say(said: readonly { readonly prefix: Prefix; readonly id: number }[], afterEach: () => void): void {
    for (const { prefix, id } of said) {
      this.ipcache.set(prefix.text, { prefix, identity: id });
      afterEach();
    }
  }

  /** What others `said` of addresses of nodes is written with the networks that come. */
  #write(
    { subjects, prefixes }: ChangeStep,
    afterEach: () => void,
    said: readonly { readonly prefix: Prefix; readonly id: number }[],
  ): void {
    for (const { subject, upserts, isNew } of subjects) {
      const map = this.maps.get(subject.id) ?? new Map<string, PolicyEntry>();
      this.maps.set(subject.id, map);
      for (const entry of isNew ? subject.entries() : upserts) {
        map.set(entryKey(entry), entry);
        afterEach();
      }
    }
    this.#say(said, afterEach);
    for (const { prefix, id } of prefixes.added) {
      this.ipcache.set(prefix.text, { prefix, identity: id });
      afterEach();
    }
    for (const { prefix } of prefixes.removed) {
      this.ipcache.delete(prefix.text);
      afterEach();
    }
    for (const { subject, removals } of subjects) {
      for (const entry of removals) {
        assert.ok(this.maps.get(subject.id)?.delete(entryKey(entry)), `not there: ${entryKey(entry)}`);
        afterEach();
      }
    }
    for (const { subject } of subjects) this.enforcement.set(subject.id, { ...subject.enforcement });
  }

  identityOf(address: string): number {
    const of = parsePrefix(address) as Prefix;
    let best: { readonly prefix: Prefix; readonly identity: number } | undefined;
    for (const one of this.ipcache.values())
      if (covers(one.prefix, of) && (best === undefined || one.prefix.length > best.prefix.length)) best = one;
    return best?.identity ?? 2;
  }

  judge(subject: SubjectPolicy, packet: Packet): { verdict: Verdict; entry?: PolicyEntry } {
    if (this.enforcement.get(subject.id)?.[packet.direction].enforced !== true) return { verdict: 'allow' };
    const map = this.maps.get(subject.id) ?? new Map<string, PolicyEntry>();
    const own = longest(map, packet);
    const any = longest(map, { ...packet, identity: 0 });
    const entry = own === undefined || (any !== undefined && strength[any.verdict] > strength[own.verdict]) ? any : own;
    return entry === undefined ? { verdict: 'deny' } : { verdict: entry.verdict, entry };
  }
}

export interface Packet {
  readonly direction: Direction;
  readonly identity: number;
  readonly protocol: number;
  readonly port: number;
}

function longest(map: ReadonlyMap<string, PolicyEntry>, { direction, identity, protocol, port }: Packet) {
  for (let portBits = 16; portBits >= 0; portBits--) {
    const at = { direction, identity, protocol, port: (port >> (16 - portBits)) << (16 - portBits), portBits };
    const entry = map.get(entryKey(at));
    if (entry !== undefined) return entry;
  }
  return map.get(entryKey({ direction, identity, protocol: 0, port: 0, portBits: 0 }));
}

/** Entries as texts that are the same in every engine: networks by their prefix, rules by their text. */
export function describeEntries(engine: PolicyEngine, entries: Iterable<PolicyEntry>): string[] {
  return [...entries]
    .map((entry) => {
      const who = engine.cidrs.get(entry.identity)?.prefix.text ?? entry.identity;
      const { policy, path } = entry.rule;
      const rule = `${policy === undefined ? '' : `${policy.kind} ${policy.namespace ?? ''}/${policy.name} `}${path}`;
      const l7 = entry.l7 === undefined ? '' : ` ${entry.l7.parser} ${entry.l7.listener ?? ''}`;
      return `${entryKey({ ...entry, identity: 0 })} ${who} ${entry.verdict}${l7} by ${rule}`;
    })
    .sort();
}
