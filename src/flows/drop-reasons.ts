import type { DropReason } from '../gen/abi.ts';

export interface DropReasonText {
  /** As Hubble's clients print it, where they have it. */
  readonly name: string;
  /** A sentence for the person who looks for the cause. */
  readonly explanation: string;
}

/** For each reason of `bpf/abi/drop.h` but 0, which is no drop. */
export const dropReasons: Readonly<Record<Exclude<DropReason, 0>, DropReasonText>> = {
  130: {
    name: 'Invalid source mac',
    explanation:
      'The pod sent from a MAC address that is not its own; bridges and virtual machines inside a pod do that.',
  },
  132: {
    name: 'Invalid source ip',
    explanation:
      'The sender used an address that is not its own, or a packet with an address of this node came from outside.',
  },
  133: {
    name: 'Policy denied',
    explanation:
      'Policies select the endpoint, and no rule of them allows this; `sluice policy trace` says what each side decides.',
  },
  134: {
    name: 'Invalid packet',
    explanation:
      'The IP header contradicts itself, the TCP flags are ones that nobody sends, or a fragment hides its ports.',
  },
  135: { name: 'CT: Truncated or invalid header', explanation: 'The packet ends before its headers do.' },
  139: { name: 'Unsupported L3 protocol', explanation: 'The packet is neither IPv4 nor IPv6 nor ARP.' },
  141: { name: 'Error writing to packet', explanation: 'The MAC addresses or the TTL could not be written.' },
  147: {
    name: 'Error retrieving tunnel key',
    explanation: 'The packet came out of the tunnel device without the identity that belongs to it.',
  },
  151: {
    name: 'Stale or unroutable IP',
    explanation:
      'The address is nobody’s at the other end of the tunnel; a moment after a Pod went that is so for its peers.',
  },
  155: {
    name: 'CT: Map insertion failed',
    explanation:
      'The connection could not be recorded; look at the pressure of the conntrack maps, and at --conntrack-max.',
  },
  156: {
    name: 'Invalid IPv6 extension header',
    explanation: 'There are too many extension headers, they are out of order, or a fragment cuts them.',
  },
  160: {
    name: 'No tunnel/encapsulation endpoint (datapath BUG!)',
    explanation: 'No node is known for that prefix, or the kernel would not encapsulate the packet.',
  },
  165: {
    name: 'No configuration available to perform policy decision',
    explanation:
      'The agent has not written its configuration yet, is of another version than the programs, or the endpoint has no policy map.',
  },
  171: { name: 'Invalid identity', explanation: 'The tunnel carried an identity that no sender may have.' },
  172: {
    name: 'Unknown sender',
    explanation: 'It was encapsulated by an address that is none of the cluster’s nodes.',
  },
  175: {
    name: 'First logical datagram fragment not found',
    explanation: 'A later fragment came without its first, which has the ports; the first was lost or denied.',
  },
  176: {
    name: 'Forbidden ICMPv6 message',
    explanation:
      'The pod sent a router advertisement, a redirect, or a neighbour advertisement for somebody else’s address.',
  },
  181: { name: 'Policy denied by denylist', explanation: 'A deny rule matches; it wins over every rule that allows.' },
  182: { name: 'VLAN traffic disallowed by VLAN filter', explanation: 'A pod sent a frame with a VLAN tag.' },
  203: {
    name: 'Endpoint not ready',
    explanation: 'The interface has no endpoint yet: its Pod is being made, or was made while the agent was away.',
  },
  230: {
    name: 'No proxy',
    explanation: 'A rule has L7 parts, and there is no proxy to judge them: nothing passes rather than everything.',
  },
  231: {
    name: 'Unsolicited reply',
    explanation: 'It is the second half of a TCP handshake whose first half nobody saw: asymmetric routing, or a scan.',
  },
};

/** Also for a number of programs that are newer than we. */
export function dropReason(number: number): DropReasonText {
  const known: Readonly<Record<number, DropReasonText>> = dropReasons;
  return known[number] ?? { name: `reason ${number}`, explanation: 'This version does not know the reason.' };
}
