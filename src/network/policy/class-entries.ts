import { compareText } from '../../lib/compare.ts';
import { IP_PROTOCOLS } from './ip-protocols.ts';
import type { Direction, L7, PolicyEntry, Verdict } from './policy-entry.ts';
import { portPrefixes } from './port-prefixes.ts';
import type { Grant, PortMatch } from './rule.ts';
import { formatRuleRef, type RuleRef } from './rule-ref.ts';
import type { NamedPort } from './subject-policy.ts';

/** An entry for whoever it is: see {@link PolicyEntry}. */
export type ClassEntry = Omit<PolicyEntry, 'identity'>;

/** A grant in the direction that it is for. */
export interface DirectedGrant extends Grant {
  readonly direction: Direction;
}

/** What a port's name stands for at the receiver: `ingress` the subject's own ports, `egress` those of the other side. */
export interface PortNames {
  readonly ingress: readonly NamedPort[];
  readonly egress: readonly NamedPort[];
}

export const strength: Readonly<Record<Verdict, number>> = { allow: 1, redirect: 2, deny: 3 };

/**
 * The entries for peers to whom just these grants apply: such that the longest prefix that matches a packet has the strongest
 * verdict of all grants that match it. What a broader entry says already is left out. Of two grants that say the same of the same
 * ports, the one that comes first by its policy's name and path is named.
 */
export function classEntries(grants: readonly DirectedGrant[], names: PortNames): readonly ClassEntry[] {
  const byKey = new Map<number, ClassEntry>();
  const put = (entry: ClassEntry) => {
    const key = keyOf(entry.direction, entry.protocol, entry.port, entry.portBits);
    const other = byKey.get(key);
    if (other === undefined || beats(entry, other)) byKey.set(key, entry);
  };
  for (const grant of grants) expand(grant, names, put);
  const kept = new Map<number, ClassEntry>();
  const sorted = [...byKey].sort(
    ([, a], [, b]) => lengthOf(a) - lengthOf(b) || a.port - b.port || a.protocol - b.protocol,
  );
  for (const [key, entry] of sorted) {
    const above = nearest(kept, entry);
    if (above === undefined || strength[entry.verdict] > strength[above.verdict] || takesOver(entry, above))
      kept.set(key, entry);
  }
  return [...kept.values()];
}

function expand(grant: DirectedGrant, names: PortNames, put: (entry: ClassEntry) => void): void {
  const { direction, verdict, ports } = grant;
  if (ports === undefined) put({ direction, protocol: 0, port: 0, portBits: 0, verdict, rule: grant.ref });
  for (const match of ports ?? []) {
    for (const protocol of match.protocols) {
      for (const { port, bits } of prefixesOf(match, protocol, names[direction])) {
        put(makeEntry(direction, protocol, port, bits, verdict, match.l7, match.ref));
      }
    }
  }
}

function prefixesOf(match: PortMatch, protocol: number, names: readonly NamedPort[]): { port: number; bits: number }[] {
  if (match.port === undefined) return [{ port: 0, bits: 0 }];
  if (typeof match.port === 'object') return portPrefixes(match.port.first, match.port.last);
  return names
    .filter((named) => named.name === match.port && IP_PROTOCOLS[named.protocol] === protocol)
    .map(({ port }) => ({ port, bits: 16 }));
}

function makeEntry(
  direction: Direction,
  protocol: number,
  port: number,
  portBits: number,
  verdict: 'allow' | 'deny',
  l7: L7 | undefined,
  rule: RuleRef,
): ClassEntry {
  if (l7 === undefined || verdict === 'deny') return { direction, protocol, port, portBits, verdict, rule };
  return { direction, protocol, port, portBits, verdict: 'redirect', l7, rule };
}

function beats(a: ClassEntry, b: ClassEntry): boolean {
  if (a.verdict !== b.verdict) return strength[a.verdict] > strength[b.verdict];
  return compareRules(a.rule, b.rule) < 0;
}

/** Order of rules where several decide alike: the same whatever the order in which they came. */
export function compareRules(a: RuleRef, b: RuleRef): number {
  return a === b ? 0 : compareText(orderOf(a), orderOf(b));
}

/** Made once: of each change, rules are compared more often than anything else is done with them. */
const orders = new WeakMap<RuleRef, string>();

function orderOf(ref: RuleRef): string {
  let order = orders.get(ref);
  if (order === undefined) {
    order = `${formatRuleRef(ref)} ${ref.policy?.kind ?? ''}`;
    orders.set(ref, order);
  }
  return order;
}

/** Redirected as what is above it, but elsewhere. */
function takesOver(entry: ClassEntry, above: ClassEntry): boolean {
  return (
    entry.verdict === 'redirect' &&
    above.verdict === 'redirect' &&
    (entry.l7!.parser !== above.l7!.parser || entry.l7!.listener !== above.l7!.listener)
  );
}

function nearest(kept: ReadonlyMap<number, ClassEntry>, { direction, protocol, port, portBits }: ClassEntry) {
  for (let bits = portBits - 1; bits >= 0; bits--) {
    const above = kept.get(keyOf(direction, protocol, port & (0xffff << (16 - bits)), bits));
    if (above !== undefined) return above;
  }
  return protocol === 0 ? undefined : kept.get(keyOf(direction, 0, 0, 0));
}

function lengthOf({ protocol, portBits }: ClassEntry): number {
  return protocol === 0 ? -1 : portBits;
}

/** Below 2^31: numbers are quicker than texts here. */
function keyOf(direction: Direction, protocol: number, port: number, bits: number): number {
  return (((direction === 'ingress' ? 0 : 256) + protocol) << 21) + ((port & 0xffff) << 5) + bits;
}
