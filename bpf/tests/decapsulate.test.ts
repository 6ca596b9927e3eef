import assert from 'node:assert/strict';
import { release } from 'node:os';
import fc from 'fast-check';
import { frame } from '../../src/datapath/testing/packet.ts';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, EventPoint, EventType } from '../../src/gen/abi.ts';
import { forFamilies, type Place } from './support/families.ts';
import { onOneCpu } from './support/one-cpu.ts';
import { identities, TestNode } from './support/test-node.ts';
import { inVxlan, type VxlanOptions, vxlanOverhead } from './support/vxlan-packet.ts';

const [major = 0, minor = 0] = release().split('.').map(Number);
/** Older kernels cannot say that there is IPv6 in IPv4: then it is the device's. */
const takesIpv6Out = major > 6 || (major === 6 && minor >= 3);
const ecn = { 'ECT(1)': 1, CE: 3 };

forFamilies('out of VXLAN without its device', TestNode.open, (ip, node) => {
  const syn = tcp({ source: 40000, destination: 80 });
  const untilQuiet = () => new Promise((resolve) => setTimeout(resolve, 150));
  onOneCpu();
  // What the device has had stays with it for a while: so each flow is a new one, also to what the other family left.
  before(untilQuiet);
  let port = 49152;
  beforeEach(() => {
    port++;
    enable();
  });

  function enable(): void {
    node().enable(ConfigFlag.tunnel, ConfigFlag.fastTunnel);
    node().configure({ tunnelSource4: Uint8Array.from([10, 9, 0, 1]), tunnelIfindex: node().uplink });
  }
  /** Others' inner addresses do not matter. */
  function from(source: Place, destination: Place, payload = syn): Buffer {
    return frame(
      { sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:00' },
      ip.packet(source, destination, payload),
    );
  }
  function receive(inner: Buffer, options: Partial<VxlanOptions> = {}, context = {}) {
    const packet = inVxlan(inner, { vni: identities.remote, port, ...options });
    const result = node().run('from_uplink', packet, { ifindex: node().uplink, ...context });
    return { ...result, untouched: result.packet.equals(packet) };
  }

  if (ip.family === 6 && !takesIpv6Out) {
    it("is the device's on this kernel", () => {
      const { verdict, untouched } = receive(from('remote', 'b'));
      assert.deepEqual({ verdict, untouched }, { verdict: 'pass', untouched: true });
    });
    return;
  }

  it('the packet is in the pod as if it had come by itself, and the VNI says whose it is', () => {
    const { b } = node();
    node().enforce(b, [{ identity: 4242, protocol: 6, port: 80 }]);
    assert.equal(receive(from('remote', 'b')).reason, 'policyDenied');
    const { verdict, packet, events } = receive(from('remote', 'b'), { vni: 4242 });
    assert.equal(verdict, 'redirect');
    assert.deepEqual(packet, frame({ sourceMac: b.hostMac, destinationMac: b.podMac }, ip.packet('remote', 'b', syn)));
    assert.equal(events[0]?.type, EventType.policyVerdict);
    assert.equal(events[0]?.sourceIdentity, 4242);
    assert.equal(events[0]?.targetIfindex, b.ifindex);
  });

  it('another node is never the host', () => {
    node().enforce(node().b, [{ identity: 1 }]);
    const { reason, events } = receive(from('remote', 'b'), { vni: 1 });
    assert.equal(reason, 'policyDenied');
    assert.equal(events[0]?.sourceIdentity, 6);
    assert.equal(events[0]?.point, EventPoint.toEndpoint);
  });

  it('somebody who is no node opens no connection, nor gets past by the stack', () => {
    node().prefix('10.9.0.2', 2);
    assert.equal(receive(from('remote', 'b')).reason, 'unknownSender');
    node().enable(ConfigFlag.stackServices);
    assert.equal(receive(from('remote', 'b', udp({ source: 1, destination: 2 }))).reason, 'unknownSender');
  });

  it('an address of ours does not come from there, and what is not for us goes nowhere', () => {
    assert.equal(receive(from('a', 'b')).reason, 'invalidSourceAddress');
    assert.equal(receive(from('remote', 'world')).reason, 'unroutable');
    const short = receive(from('remote', 'b').subarray(0, -1));
    assert.equal(short.reason, 'invalidPacket');
    assert.equal(short.events[0]?.point, EventPoint.fromOverlay);
  });

  const closerLooks: readonly [string, Partial<VxlanOptions>, object?][] = [
    ['a packet of several segments', {}, { gsoSegments: 2, gsoSize: 1000 }],
    ['a checksum outside', { udpChecksum: 1 }],
    ['a length that is not the whole', { udpLength: 30 }],
    ['a total length that is not the whole', { ip: { totalLength: 60 } }],
    ['a first fragment', { ip: { moreFragments: true } }],
    ['no identity', { vni: 0 }],
    ['flags that nobody knows', { flags: 0x0c }],
    ['no VNI', { flags: 0 }],
    ['a reserved byte that is not zero', { reserved: 1 }],
  ];
  for (const [what, options, context] of closerLooks)
    it(`is the device's: ${what}`, () => {
      const { verdict, untouched, events } = receive(from('remote', 'b'), options, context);
      assert.deepEqual({ verdict, untouched, events }, { verdict: 'pass', untouched: true, events: [] });
    });

  it("is the device's: headers with options, a wrong checksum, marks of congestion, and what is no IP inside", () => {
    const { uplink, a } = node();
    const packets = {
      options: inVxlan(from('remote', 'b'), { vni: 7, port, ip: { options: Buffer.alloc(4, 1) } }),
      checksum: changed(24, 1),
      arp: inVxlan(frame({ sourceMac: a.podMac, destinationMac: a.hostMac, etherType: 0x0806 }, Buffer.alloc(28)), {
        vni: 7,
        port,
      }),
      ...Object.fromEntries(Object.entries(ecn).map(([name, bits]) => [name, changed(15, bits, 24, -bits)])),
    };
    for (const [name, packet] of Object.entries(packets)) {
      const result = node().run('from_uplink', packet, { ifindex: uplink });
      assert.deepEqual([name, result.verdict, result.events], [name, 'pass', []]);
      assert.deepEqual(result.packet, packet);
    }
  });

  /** A good packet with bytes that are more or less than they should be. */
  function changed(...changes: number[]): Buffer {
    const packet = inVxlan(from('remote', 'b'), { vni: identities.remote, port });
    for (let i = 0; i < changes.length; i += 2) packet[changes[i]!] = (packet[changes[i]!]! + changes[i + 1]!) & 0xff;
    return packet;
  }

  it("a flow that the device has had stays with it until it is quiet, and others' do not", async () => {
    const segments = { gsoSegments: 2, gsoSize: 1000 };
    assert.equal(receive(from('remote', 'b')).verdict, 'redirect');
    assert.equal(receive(from('remote', 'b'), {}, segments).verdict, 'pass');
    assert.equal(receive(from('remote', 'b')).verdict, 'pass');
    assert.equal(receive(from('remote', 'b'), { port: 48_000 }).verdict, 'redirect');
    await untilQuiet();
    assert.equal(receive(from('remote', 'b')).verdict, 'redirect');
  });

  it('what has to see the stack goes on behind the device, and what follows by it', () => {
    node().enable(ConfigFlag.stackServices);
    const inner = from('remote', 'b', udp({ source: 53, destination: 5000 }));
    const first = receive(inner, { vni: 0x123456 });
    assert.equal(first.verdict, 'redirect');
    assert.equal(first.packet.length, inner.length);
    assert.deepEqual(first.packet.subarray(12), inner.subarray(12));
    assert.deepEqual(first.events, [], 'not judged yet');
    assert.equal(receive(inner).verdict, 'pass');

    const behind = (mark: number) => node().run('from_tunnel', first.packet, { ifindex: node().uplink, mark });
    const { verdict, mark } = behind(first.mark);
    assert.equal(verdict, 'pass');
    assert.equal(mark, first.mark);
    node().enforce(node().b, [{ identity: 0x123456, protocol: 17 }]);
    const [event] = node().to(node().b, first.packet, mark).events;
    assert.equal(event?.sourceIdentity, 0x123456);
    assert.equal(event?.type, EventType.policyVerdict);
    assert.equal(behind(0).reason, 'noTunnelKey', 'nobody else gets in that way');
  });

  it("so does what is the node's own, or a pod's whose interface is another plugin's", () => {
    assert.equal(receive(from('remote', 'host')).verdict, 'redirect');
    assert.equal(receive(from('remote', 'b')).verdict, 'pass', 'the same flow');
  });

  it("is the device's with host policies, with fast paths off, and without an address for tunnels", () => {
    for (const change of [
      () => node().host([{ identity: 6 }]),
      () => node().disable(ConfigFlag.fastLocal),
      () => node().disable(ConfigFlag.fastTunnel),
      () => node().configure({ tunnelSource4: new Uint8Array(4) }),
    ]) {
      node().reset();
      enable();
      change();
      const { verdict, untouched } = receive(from('remote', 'b'));
      assert.deepEqual({ verdict, untouched }, { verdict: 'pass', untouched: true });
    }
  });

  it('bytes changed or cut off: nothing gets in but what may, from whom it says', () => {
    node().enforce(node().b, [{ identity: identities.remote, protocol: 6, port: 80 }]);
    const good = inVxlan(from('remote', 'b'), { vni: identities.remote, port: 1 });
    const bytes = fc.array(fc.tuple(fc.nat(good.length - 13), fc.nat(255)), { maxLength: 3 });
    const cuts = fc.constantFrom(0, 0, 0, 1, 7, 20, 40, 60);
    let taken = 0;
    fc.assert(
      fc.property(bytes, cuts, fc.nat(0xffff), (changes, cut, flow) => {
        const packet = Buffer.from(good);
        packet.writeUInt16BE(flow, 34);
        for (const [at, value] of changes) packet[12 + at] = value;
        const received = packet.subarray(0, packet.length - cut);
        const result = node().run('from_uplink', received, { ifindex: node().uplink });
        // With a mark it is the stack's, such as what is for an address that no pod has.
        if (result.verdict !== 'redirect' || result.mark !== 0) return;
        const destination = [...received.subarray(30, 34)];
        if (destination.join('.') === node().a.ipv4) {
          // No tunnel of ours: it is for a pod that takes everything, as it is.
          assert.deepEqual(result.packet.subarray(0, 6), Buffer.from(node().a.mac));
          assert.deepEqual(result.packet.subarray(14), received.subarray(14));
          return;
        }
        taken++;
        assert.equal(destination.join('.'), '10.9.0.1');
        assert.equal(received.readUInt32BE(46) >>> 8, identities.remote);
        assert.deepEqual(result.packet.subarray(14), received.subarray(14 + vxlanOverhead));
      }),
      { numRuns: 1000, examples: [[[[19, 0]], 0, 0]] },
    );
    assert.ok(taken > 0, 'and something did');
  });
});
