import type { PolicyEntryView } from '../view/policy-view.ts';

/** By number of the IANA registry "Protocol Numbers"; those that policies can name. */
const names: Readonly<Record<number, string>> = { 0: 'ANY', 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP' };

export function protocolName(protocol: number): string {
  return names[protocol] ?? String(protocol);
}

/** `80`, `8000-8003` for a block of ports, `any` for all. */
export function portName({ port, portBits }: Pick<PolicyEntryView, 'port' | 'portBits'>): string {
  if (portBits === 0) return 'any';
  const last = port + (1 << (16 - portBits)) - 1;
  return last === port ? String(port) : `${port}-${last}`;
}
