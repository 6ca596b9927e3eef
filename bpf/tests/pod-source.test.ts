import assert from 'node:assert/strict';
import { ipBytes, ipOf } from '../../src/datapath/netlink/ip-bytes.ts';
import { arp, frame, ipv6 } from '../../src/datapath/testing/packet.ts';
import { icmp6, tcp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, EndpointFlag, type Event, EventPoint } from '../../src/gen/abi.ts';
import { unset } from './support/addresses.ts';
import { forFamilies } from './support/families.ts';
import { type Reason, TestNode } from './support/test-node.ts';

const syn = tcp({ source: 40000, destination: 80 });

forFamilies('what a pod sends', TestNode.open, (ip, node) => {
  it("from somebody else's address is dropped", () => {
    const { a } = node();
    for (const source of ['b', 'host', 'world', 'nobody'] as const) {
      const packet = ip.packet(source, 'b', syn);
      const sent = frame({ sourceMac: a.podMac, destinationMac: a.hostMac }, packet);
      assert.equal(node().from(a, sent).reason, 'invalidSourceAddress', source);
    }
  });

  it("from somebody else's MAC address is dropped, unless another plugin made the interface", () => {
    const { a, b } = node();
    const sent = frame({ sourceMac: b.podMac, destinationMac: a.hostMac }, ip.packet('a', 'b', syn));
    assert.equal(node().from(a, sent).reason, 'invalidSourceMac');
    node().set(a, { flags: EndpointFlag.chained });
    assert.equal(node().from(a, sent).verdict, 'pass');
  });

  it('from a family that it has no address of is dropped', () => {
    const { a } = node();
    node().set(a, ip.family === 4 ? { address4: unset } : { address6: unset });
    assert.equal(node().from(a, ip.sent(a, 'b', syn)).reason, 'invalidSourceAddress');
    const none = ip.family === 4 ? '0.0.0.0' : '::';
    assert.equal(node().from(a, ip.sent(a, 'b', syn, { source: none })).reason, 'invalidSourceAddress');
  });

  it('without an endpoint, or to one that has none, is dropped', () => {
    const { a, b } = node();
    node().maps.endpoints.delete(b.ifindex);
    assert.equal(node().from(a, ip.sent(a, 'b', syn)).reason, 'endpointNotReady');
    node().maps.endpoints.delete(a.ifindex);
    assert.equal(node().from(a, ip.sent(a, 'world', syn)).reason, 'endpointNotReady');
  });

  it("without a configuration, or with another version's, is dropped", () => {
    const { a } = node();
    for (const version of [0, 2]) {
      node().configure({ version });
      assert.equal(node().from(a, ip.sent(a, 'b', syn)).reason, 'noConfiguration');
      assert.equal(node().to(a, ip.arriving('b', 'a', syn)).reason, 'noConfiguration');
    }
  });

  it('with a VLAN tag, or of another protocol, is dropped', () => {
    const { a } = node();
    const of = (etherType: number): Reason | undefined =>
      node().from(a, frame({ sourceMac: a.podMac, destinationMac: a.hostMac, etherType }, ip.packet('a', 'b', syn)))
        .reason;
    assert.equal(of(0x8100), 'vlanFiltered');
    assert.equal(of(0x88a8), 'vlanFiltered');
    assert.equal(of(0x8847), 'unsupportedL3Protocol');
    assert.equal(of(ip.family === 4 ? 0x86dd : 0x0800), 'invalidPacket');
  });

  it('to the world, or to an address of the node, goes by the stack, which is told apart in the event', () => {
    const { a } = node();
    const point = (events: readonly Event[]) => events.map(({ point }) => point);
    assert.deepEqual(point(node().from(a, ip.sent(a, 'world', syn)).events), [EventPoint.toStack]);
    assert.deepEqual(point(node().from(a, ip.sent(a, 'host', syn)).events), [EventPoint.toHost]);
    assert.equal(node().from(a, ip.sent(a, 'host', syn)).verdict, 'pass');
  });

  it("to another node's pod takes the FIB's way: next hop's address, one hop less, a right checksum", () => {
    const { a } = node();
    const result = node().from(a, ip.sent(a, 'remote', syn));
    assert.equal(result.verdict, 'redirect');
    const expected = ip.family === 4 ? { ttl: 63 } : { hopLimit: 63 };
    const macs = { sourceMac: '0a:00:00:00:09:01', destinationMac: '0a:00:00:00:09:02' };
    assert.deepEqual(result.packet, frame(macs, ip.packet('a', 'remote', syn, expected)));
    node().disable(ConfigFlag.fastRouted);
    assert.equal(node().from(a, ip.sent(a, 'remote', syn)).verdict, 'pass');
  });

  it("with no hops left, or where the FIB has no answer, is the stack's", () => {
    const { a } = node();
    const last = ip.family === 4 ? { ttl: 1 } : { hopLimit: 1 };
    assert.equal(node().from(a, ip.sent(a, 'remote', syn, last)).verdict, 'pass');
    node().prefix(ip.ip('world'), 2, 2);
    assert.equal(node().from(a, ip.sent(a, 'world', syn)).verdict, 'pass');
  });

  it('checksums stay right for every TTL', () => {
    if (ip.family === 6) return;
    const { a } = node();
    for (const ttl of [2, 3, 127, 128, 254, 255])
      for (const id of [0, 1, 0x1234, 0xfffe, 0xffff]) {
        const sent = node().from(a, ip.sent(a, 'remote', syn, { ttl, id }));
        assert.deepEqual(sent.packet.subarray(14), ip.packet('a', 'remote', syn, { ttl: ttl - 1, id }), `${ttl} ${id}`);
      }
  });
});

describe("a pod's housekeeping on its link", () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.open();
  });
  after(() => node.close());
  beforeEach(() => {
    node.reset();
    // Nothing of it is traffic that a policy could forbid.
    node.enforce(node.a, [], EndpointFlag.egressEnforced);
  });

  const linkLocal = 'fe80::a';
  const neighbour = (type: number, target: string, source: string, destination: string) => {
    const payload = icmp6({ type, data: ipBytes(ipOf(target)) });
    const packet = ipv6({ source, destination, hopLimit: 255 }, payload);
    return node.from(node.a, frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac }, packet));
  };

  it('ARP about itself passes; about others it does not', () => {
    const ask = (sender: string, senderMac: string) => {
      const packet = arp({ sender, senderMac, target: '169.254.1.1' });
      const sent = frame({ sourceMac: node.a.podMac, destinationMac: 'ff:ff:ff:ff:ff:ff', etherType: 0x0806 }, packet);
      return node.from(node.a, sent);
    };
    assert.equal(ask(node.a.ipv4, node.a.podMac).verdict, 'pass');
    assert.equal(ask('0.0.0.0', node.a.podMac).verdict, 'pass');
    assert.equal(ask(node.b.ipv4, node.a.podMac).reason, 'invalidSourceAddress');
    assert.equal(ask(node.a.ipv4, node.b.podMac).reason, 'invalidSourceMac');
  });

  it('half of an ARP packet is none', () => {
    const packet = arp({ sender: node.a.ipv4, senderMac: node.a.podMac, target: '169.254.1.1' }).subarray(0, 20);
    const sent = frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac, etherType: 0x0806 }, packet);
    assert.equal(node.from(node.a, sent).reason, 'truncatedHeader');
  });

  it('neighbour discovery passes', () => {
    assert.equal(neighbour(135, 'fe80::1', linkLocal, 'ff02::1:ff00:1').verdict, 'pass');
    assert.equal(neighbour(135, node.a.ipv6, '::', 'ff02::1:ff00:1').verdict, 'pass', 'is the address free?');
    assert.equal(neighbour(133, '::', linkLocal, 'ff02::2').verdict, 'pass');
    assert.equal(neighbour(136, node.a.ipv6, node.a.ipv6, 'fe80::1').verdict, 'pass');
    assert.equal(neighbour(136, linkLocal, linkLocal, 'fe80::1').verdict, 'pass');
    assert.equal(neighbour(143, '::', linkLocal, 'ff02::16').verdict, 'pass', 'multicast listener report');
  });

  it("advertisements of others' addresses, of routers and of better ways do not", () => {
    assert.equal(neighbour(136, node.b.ipv6, node.a.ipv6, 'fe80::1').reason, 'forbiddenIcmpv6');
    assert.equal(neighbour(136, 'fe80::1', linkLocal, 'ff02::1').reason, 'forbiddenIcmpv6');
    assert.equal(neighbour(134, '::', linkLocal, 'ff02::1').reason, 'forbiddenIcmpv6');
    assert.equal(neighbour(137, '::', linkLocal, 'ff02::1').reason, 'forbiddenIcmpv6');
  });

  it('is no way off the link', () => {
    assert.equal(neighbour(135, 'fe80::1', node.a.ipv6, '2001:db8::1').reason, 'policyDenied');
    assert.equal(neighbour(135, 'fe80::1', linkLocal, '2001:db8::1').reason, 'invalidSourceAddress');
    assert.equal(neighbour(135, 'fe80::1', node.b.ipv6, 'fe80::1').reason, 'invalidSourceAddress');
  });
});
