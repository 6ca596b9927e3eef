import { type Labels, parseLabel, parsePrefix } from '../identity/index.ts';
import { strength } from './class-entries.ts';
import { type Answer, evaluate, type Party, type World } from './evaluate.ts';
import { IP_PROTOCOLS } from './ip-protocols.ts';
import type { Direction, Verdict } from './policy-entry.ts';
import { formatRuleRef } from './rule-ref.ts';
import type { NamedPort } from './subject-policy.ts';

export interface TracePort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPV6' | 'ANY';
  /** For ICMP the type; a name is one of the receiver's pods' ports. */
  readonly port: number | string;
}

/** May who has the labels `from` talk to who has `to`? A network is `cidr:10.0.0.0/8`. */
export interface TraceQuery {
  readonly from: Labels;
  readonly to: Labels;
  /** None: what holds for all of IP. */
  readonly ports: readonly TracePort[];
  /** Of the receiver. */
  readonly namedPorts?: readonly NamedPort[];
}

/** What one side decides about one port. */
export interface TraceStep {
  readonly direction: Direction;
  readonly port?: TracePort;
  readonly verdict: Verdict;
  /** The rule that decides; none where nothing matches or nothing is enforced. */
  readonly rule?: string;
  /** A sentence. */
  readonly reason: string;
  /** Every rule that matches, the one that decides first: `deny by default/shop ingress[0]`. */
  readonly considered: readonly string[];
}

/** For each port both sides, the sender's first. The packet passes where neither says `deny`. */
export function tracePolicy({ from, to, ports, namedPorts = [] }: TraceQuery, world: World): TraceStep[] {
  const sender = party(from, []);
  const receiver = party(to, namedPorts);
  const asked = ports.length === 0 ? [undefined] : ports;
  return asked.flatMap((port) => [
    step('egress', sender, receiver, port, receiver.namedPorts, world),
    step('ingress', receiver, sender, port, receiver.namedPorts, world),
  ]);
}

function step(
  direction: Direction,
  subject: Party,
  peer: Party,
  port: TracePort | undefined,
  names: readonly NamedPort[],
  world: World,
): TraceStep {
  const what = { direction, ...(port === undefined ? {} : { port }) };
  const kind = subjectKind(subject);
  if (kind === undefined) {
    const reason = 'It is no endpoint and no node, so no policy is about it.';
    return { ...what, verdict: 'allow', reason, considered: [] };
  }
  const packets = port === undefined ? [{ protocol: 0, port: 0 }] : packetsOf(port, names);
  const answers = packets.map((packet) =>
    evaluate({ direction, subject: { ...subject, kind }, peer, ...packet }, world),
  );
  if (answers.length === 0) {
    const reason = `No port of the receiver has the name ${port?.port}, so no packet can be sent to it.`;
    return { ...what, verdict: 'deny', reason, considered: [] };
  }
  const { rule, verdict, ...rest } = answers.reduce(worse);
  return {
    ...what,
    verdict,
    ...(rule === undefined ? {} : { rule: formatRuleRef(rule) }),
    reason: reasonOf({ ...rest, verdict, ...(rule === undefined ? {} : { rule }) }, direction),
    considered: rest.matches.map((match) => `${match.verdict} by ${formatRuleRef(match.rule)}`),
  };
}

/** Of several protocols, or several ports of one name, what holds for all. */
function worse(a: Answer, b: Answer): Answer {
  return strength[b.verdict] > strength[a.verdict] ? b : a;
}

function reasonOf({ enforced, verdict, rule, defaultDenyBy }: Answer, direction: Direction): string {
  if (!enforced) return `Nothing is enforced for it in ${direction}: no policy selects it there.`;
  if (rule !== undefined) {
    const verb = { allow: 'allows it', deny: 'denies it', redirect: 'hands it to a proxy' }[verdict];
    return `${formatRuleRef(rule)} ${verb}.`;
  }
  const why = defaultDenyBy.map(formatRuleRef);
  if (why.length === 0) return 'No rule allows it, and enforcement is on for every endpoint.';
  const more = why.length > 1 ? ` and ${why.length - 1} more` : '';
  return `No rule allows it, and ${why[0]}${more} put${why.length > 1 ? '' : 's'} it into default deny.`;
}

function party(labels: Labels, namedPorts: readonly NamedPort[]): Party {
  for (const text of labels) {
    const { source } = parseLabel(text);
    const address = source === 'cidr' ? parsePrefix(text.slice('cidr:'.length)) : undefined;
    if (address === undefined) continue;
    return { labels: labels.includes('reserved:world') ? labels : [...labels, 'reserved:world'], address, namedPorts };
  }
  return { labels, namedPorts };
}

/** Undefined for networks and nodes elsewhere: their policy is not ours to tell. */
function subjectKind({ labels, address }: Party): 'endpoint' | 'host' | undefined {
  if (address !== undefined) return undefined;
  const names = labels.map(parseLabel).filter(({ source }) => source === 'reserved');
  if (names.some(({ key }) => key === 'host')) return 'host';
  return names.length === 0 || names.some(({ key }) => key === 'init' || key === 'health') ? 'endpoint' : undefined;
}

function packetsOf({ protocol, port }: TracePort, names: readonly NamedPort[]): { protocol: number; port: number }[] {
  const protocols = numbersOf(protocol);
  if (typeof port === 'number') return protocols.map((number) => ({ protocol: number, port }));
  return names
    .filter((named) => named.name === port && protocols.includes(IP_PROTOCOLS[named.protocol]))
    .map((named) => ({ protocol: IP_PROTOCOLS[named.protocol], port: named.port }));
}

function numbersOf(protocol: TracePort['protocol']): readonly number[] {
  if (protocol === 'ANY') return [IP_PROTOCOLS.TCP, IP_PROTOCOLS.UDP, IP_PROTOCOLS.SCTP];
  return [protocol === 'ICMPV6' ? IP_PROTOCOLS.ICMPv6 : IP_PROTOCOLS[protocol]];
}
