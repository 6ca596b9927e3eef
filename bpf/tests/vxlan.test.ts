import assert from 'node:assert/strict';
import { checksum } from '../../src/datapath/testing/checksum.ts';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, DropReason, IpcacheFlag } from '../../src/gen/abi.ts';
import { address } from './support/addresses.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

const source = [10, 9, 0, 1];
/** Outer Ethernet, IPv4, UDP and VXLAN. */
const outer = 50;

forFamilies('VXLAN without its device', TestNode.open, (ip, node) => {
  const syn = tcp({ source: 40000, destination: 80 });
  const pod = (payload = syn, extra = {}) => ip.sent(node().a, 'remote', payload, extra);
  const send = (packet = pod()) => node().from(node().a, packet);
  const behind = (endpoint: string) =>
    node().prefix(ip.ip('remote'), identities.remote, IpcacheFlag.tunnel, address(endpoint));

  beforeEach(() => {
    node().enable(ConfigFlag.tunnel, ConfigFlag.fastTunnel);
    node().configure({ tunnelSource4: Uint8Array.from(source), tunnelUplink: node().uplink });
    behind('10.9.0.2');
  });

  it('is what the device would make of it: the packet as it was, behind headers from node to node', () => {
    const { verdict, packet } = send();
    assert.equal(verdict, 'redirect');
    assert.equal(packet.subarray(0, 14).toString('hex'), '0a0000000902' + '0a0000000901' + '0800');
    const header = packet.subarray(14, 34);
    assert.deepEqual([header[0], header[8], header[9]], [0x45, 64, 17]);
    assert.equal(header.readUInt16BE(2), packet.length - 14);
    assert.equal(header.readUInt16BE(6), 0, 'routers may fragment it');
    assert.deepEqual([...header.subarray(12, 20)], [...source, 10, 9, 0, 2]);
    assert.equal(checksum(header), 0);
    const datagram = packet.subarray(34, 50);
    assert.ok(datagram.readUInt16BE(0) >= 49152);
    assert.equal(datagram.readUInt16BE(2), 8472);
    assert.equal(datagram.readUInt16BE(4), packet.length - 34);
    assert.equal(datagram.readUInt16BE(6), 0, 'no checksum, as IPv4 allows');
    assert.equal(datagram.subarray(8).toString('hex'), `08000000${identities.a.toString(16).padStart(6, '0')}00`);
    const inner = packet.subarray(outer);
    assert.equal(inner.readUInt16BE(12), ip.family === 4 ? 0x0800 : 0x86dd);
    assert.deepEqual(inner.subarray(14), pod().subarray(14));
  });

  it('a flow keeps its source port, and flows have different ones', () => {
    const port = (destination: number) => send(pod(udp({ source: 7, destination }))).packet.readUInt16BE(34);
    assert.equal(port(1), port(1));
    assert.ok(new Set(Array.from({ length: 16 }, (_, i) => port(i + 1))).size > 8);
  });

  it('says outside whether congestion may be marked, and leaves a mark inside', () => {
    const outside = (ecn: number) => {
      const packet = pod();
      // IPv6's traffic class begins in the second half of the first byte. The checksum of IPv4's header is nobody's business here.
      packet[15] = ip.family === 4 ? ecn : ecn << 4;
      return send(packet).packet[15];
    };
    assert.deepEqual([0, 1, 2, 3].map(outside), [0, 1, 2, 2]);
  });

  it("is the device's where the way to the node is not known at once, or is IPv6", () => {
    for (const endpoint of ['10.9.0.99', '172.16.0.1', 'fd09::2']) {
      behind(endpoint);
      const { verdict, packet } = send();
      assert.equal(verdict, 'redirect', endpoint);
      assert.deepEqual(packet, pod(), endpoint);
    }
  });

  it("is the device's where it does not fit, or the node has no IPv4 address", () => {
    const large = pod(udp({ source: 1, destination: 2, data: Buffer.alloc(1440) }));
    assert.deepEqual(send(large).packet, large);
    node().configure({ tunnelSource4: new Uint8Array(4) });
    assert.deepEqual(send().packet, pod());
    node().configure({ tunnelSource4: Uint8Array.from(source), tunnelUplink: node().a.ifindex });
    assert.deepEqual(send().packet, pod(), 'it leaves by an interface of another address');
  });

  it('a node without an address is told', () => {
    node().prefix(ip.ip('remote'), identities.remote, IpcacheFlag.tunnel);
    assert.equal(send().events.at(-1)?.reason, DropReason.noTunnelEndpoint);
  });
});
