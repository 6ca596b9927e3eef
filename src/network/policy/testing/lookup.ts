import { covers, type Prefix, parsePrefix } from '../../identity/index.ts';
import { strength } from '../class-entries.ts';
import type { EngineChanges, PolicyEngine, SubjectPolicy } from '../index.ts';
import { type Direction, entryKey, type PolicyEntry, type Verdict } from '../policy-entry.ts';

/** What the kernel holds after these changes, and what its programs make of a packet. */
export class Kernel {
  readonly ipcache = new Map<string, { readonly prefix: Prefix; readonly identity: number }>();
  readonly maps = new Map<number, Map<string, PolicyEntry>>();

  apply({ subjects, prefixes }: EngineChanges): void {
    for (const { subject, upserts, removals } of subjects) {
      const map = this.maps.get(subject.id) ?? new Map<string, PolicyEntry>();
      this.maps.set(subject.id, map);
      for (const entry of removals) if (!map.delete(entryKey(entry))) throw new Error(`not there: ${entryKey(entry)}`);
      for (const entry of upserts) map.set(entryKey(entry), entry);
    }
    for (const { prefix, id } of prefixes.added) this.ipcache.set(prefix.text, { prefix, identity: id });
    for (const { prefix } of prefixes.removed) this.ipcache.delete(prefix.text);
  }

  identityOf(address: string): number {
    const of = parsePrefix(address) as Prefix;
    let best: { readonly prefix: Prefix; readonly identity: number } | undefined;
    for (const one of this.ipcache.values())
      if (covers(one.prefix, of) && (best === undefined || one.prefix.length > best.prefix.length)) best = one;
    return best?.identity ?? 2;
  }

  judge(subject: SubjectPolicy, packet: Packet): { verdict: Verdict; entry?: PolicyEntry } {
    if (!subject.enforcement[packet.direction].enforced) return { verdict: 'allow' };
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
