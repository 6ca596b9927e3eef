import { EventPoint, EventType, EventVerdict, SourceFile, TraceReason } from '../gen/abi.ts';
import type { Flow, FlowType, Verdict } from './flow.ts';

export const typeNames: Readonly<Record<number, FlowType>> = {
  [EventType.drop]: 'drop',
  [EventType.trace]: 'trace',
  [EventType.policyVerdict]: 'policy-verdict',
};

export const verdictNames: Readonly<Record<number, Verdict>> = {
  [EventVerdict.forwarded]: 'forwarded',
  [EventVerdict.dropped]: 'dropped',
  [EventVerdict.audit]: 'audit',
  [EventVerdict.redirected]: 'redirected',
};

/** `toEndpoint` to `to-endpoint`: as Cilium's monitor has them. */
export const pointNames = kebabByNumber(EventPoint);
export const fileNames = kebabByNumber(SourceFile);

export const connectionNames: Readonly<Record<number, NonNullable<Flow['connection']>>> = {
  [TraceReason.new]: 'new',
  [TraceReason.established]: 'established',
  [TraceReason.reply]: 'reply',
  [TraceReason.related]: 'related',
};

/** By number of the IANA registry "Protocol Numbers". */
const protocols: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPv6',
  89: 'OSPF',
  112: 'VRRP',
  132: 'SCTP',
};

export const protocolNames: readonly string[] = Object.values(protocols);

export function protocolName(number: number): string {
  return protocols[number] ?? String(number);
}

/** As {@link protocolName} has it, from a name in any case or a number; undefined for neither. */
export function parseProtocol(text: string): string | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= 255 ? protocolName(Number(text)) : undefined;
  return protocolNames.find((name) => name.toLowerCase() === text.toLowerCase());
}

/** Bits of a TCP header's flags (RFC 9293, section 3.1), the lowest first. */
const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const;

const flagTexts = Array.from({ length: 256 }, (_, bits) =>
  flagNames.filter((_, bit) => (bits & (1 << bit)) !== 0).join(','),
);

/** `SYN,ACK`; empty for none. */
export function tcpFlagsText(bits: number): string {
  return flagTexts[bits & 255] ?? '';
}

function kebabByNumber(names: Readonly<Record<string, number>>): Readonly<Record<number, string>> {
  return Object.fromEntries(
    Object.entries(names).map(([name, number]) => [
      number,
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    ]),
  );
}
