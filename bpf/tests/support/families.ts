import { frame, type Ip4Options, type Ip6Options, ipv4, ipv6 } from '../../../src/datapath/testing/packet.ts';
import { icmp4, icmp6, type Payload } from '../../../src/datapath/testing/transport.ts';
import { otherNodeMac, type Pod, type TestNode } from './test-node.ts';

/** Where a packet comes from or goes to. */
export type Place = 'a' | 'b' | 'host' | 'node' | 'remote' | 'world' | 'nobody';

type Extra = Partial<Ip4Options & Ip6Options>;

/** The same test for both: addresses, headers and numbers of IPv4 or IPv6. */
export interface Family {
  readonly name: string;
  readonly family: 4 | 6;
  readonly icmp: number;
  readonly echoRequest: number;
  readonly echoReply: number;
  /** "Port unreachable". */
  readonly unreachable: { readonly type: number; readonly code: number };
  ip(place: Place): string;
  /** Without the frame: what ICMP errors quote. */
  packet(source: Place, destination: Place, payload: Payload, extra?: Extra): Buffer;
  /** As a pod sends it to its gateway. */
  sent(pod: Pod, destination: Place, payload: Payload, extra?: Extra): Buffer;
  /** As another node's device sends it to ours, or the stack sends it to a pod. */
  arriving(source: Place, destination: Place, payload: Payload, extra?: Extra): Buffer;
  echo(type: number, id: number): Payload;
  error(quoted: Uint8Array): Payload;
}

const addresses: Readonly<Record<Place, readonly [string, string]>> = {
  a: ['10.0.0.1', 'fd00::1'],
  b: ['10.0.0.2', 'fd00::2'],
  host: ['10.9.0.1', 'fd09::1'],
  node: ['10.9.0.2', 'fd09::2'],
  remote: ['10.1.0.1', 'fd01::1'],
  world: ['192.0.2.1', '2001:db8::1'],
  nobody: ['10.0.0.77', 'fd00::77'],
};

function familyOf(family: 4 | 6): Family {
  const icmp = family === 4 ? icmp4 : icmp6;
  const unreachable = family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 };
  const ip = (place: Place) => addresses[place][family === 4 ? 0 : 1];
  const packet = (source: Place, destination: Place, payload: Payload, extra: Extra = {}) => {
    const options = { source: ip(source), destination: ip(destination), ...extra };
    return family === 4 ? ipv4(options, payload) : ipv6(options, payload);
  };
  const uplinkMac = '0a:00:00:00:09:01';
  return {
    name: `IPv${family}`,
    family,
    icmp: family === 4 ? 1 : 58,
    echoRequest: family === 4 ? 8 : 128,
    echoReply: family === 4 ? 0 : 129,
    unreachable,
    ip,
    packet,
    sent: (pod, destination, payload, extra) =>
      frame(
        { sourceMac: pod.podMac, destinationMac: pod.hostMac },
        packet(pod.name as 'a' | 'b', destination, payload, extra),
      ),
    arriving: (source, destination, payload, extra) =>
      frame({ sourceMac: otherNodeMac, destinationMac: uplinkMac }, packet(source, destination, payload, extra)),
    echo: (type, id) => icmp({ type, id, data: Buffer.from('ping') }),
    error: (quoted) => icmp({ ...unreachable, data: quoted }),
  };
}

export const families = [familyOf(4), familyOf(6)] as const;

/** A suite for each family, with one node. */
export function forFamilies(
  title: string,
  open: () => Promise<TestNode>,
  suite: (ip: Family, node: () => TestNode) => void,
): void {
  describe(title, () => {
    let node: TestNode;
    before(async () => {
      node = await open();
    });
    after(() => node?.close());
    beforeEach(() => node.reset());
    for (const ip of families) describe(ip.name, () => suite(ip, () => node));
  });
}
