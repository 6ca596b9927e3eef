import assert from 'node:assert/strict';
import { frame } from '../../src/datapath/testing/packet.ts';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, DropReason, type Event, EventPoint, EventType, IpcacheFlag } from '../../src/gen/abi.ts';
import { address } from './support/addresses.ts';
import { forFamilies, type Place } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';
import { TunnelDevice } from './support/tunnel-device.ts';

/** What others' inner frames are addressed to does not matter. */
const macs = { sourceMac: '0a:00:00:00:33:01', destinationMac: '0a:00:00:00:33:02' };

forFamilies('the tunnel', TestNode.open, (ip, node) => {
  const syn = tcp({ source: 40000, destination: 80 });
  let device: TunnelDevice;
  before(() => {
    device = new TunnelDevice(node());
  });
  after(() => device.close());
  beforeEach(() => {
    node().enable(ConfigFlag.tunnel);
    node().configure({ tunnelIfindex: device.ifindex });
    for (const sender of ['127.0.0.1', '::1']) node().prefix(sender, 6);
    node().prefix(ip.ip('remote'), identities.remote, IpcacheFlag.tunnel, address('127.0.0.1'));
  });

  const inner = (source: Place, destination: Place, payload = syn) =>
    frame(macs, ip.packet(source, destination, payload));
  const only = (events: readonly Event[]) => {
    assert.equal(
      events.length,
      1,
      JSON.stringify(events, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    );
    return events[0] as Event;
  };
  const dropped = (events: readonly Event[]) => {
    const event = only(events);
    assert.equal(event.type, EventType.drop);
    return Object.entries(DropReason).find(([, reason]) => reason === event.reason)?.[0];
  };

  it("the VNI is the sender's identity, whatever ipcache knows", () => {
    node().enforce(node().b, [{ identity: 4242, protocol: 6, port: 80 }]);
    assert.equal(dropped(device.receive(identities.remote, inner('remote', 'b'))), 'policyDenied');
    const event = only(device.receive(4242, inner('remote', 'b')));
    assert.equal(event.type, EventType.policyVerdict);
    assert.equal(event.sourceIdentity, 4242);
    assert.equal(event.targetIfindex, node().b.ifindex);
  });

  it('another node is never the host, and nobody has no identity', () => {
    node().enforce(node().b, [{ identity: 1 }]);
    const denied = device.receive(1, inner('remote', 'b'));
    assert.equal(dropped(denied), 'policyDenied');
    assert.equal(denied[0]?.sourceIdentity, 6);
    assert.equal(dropped(device.receive(0, inner('remote', 'b'))), 'invalidIdentity');
  });

  it('which node it is, ipcache knows: by the inner address, as long as that is a node', () => {
    const zoneA = 2 ** 25 + 7;
    node().enforce(node().b, [{ identity: zoneA }]);
    assert.equal(dropped(device.receive(6, inner('remote', 'b'))), 'policyDenied');
    for (const own of [1, identities.remote, 2 ** 24 + 5]) {
      node().prefix(ip.ip('remote'), own);
      const [event] = device.receive(6, inner('remote', 'b'));
      assert.equal(event?.sourceIdentity, 6, 'whatever its address is elsewhere');
    }
    node().prefix(ip.ip('remote'), zoneA);
    for (const sender of ['127.0.0.1', '::1']) node().prefix(sender, zoneA);
    const event = only(device.receive(6, inner('remote', 'b')));
    assert.equal(event.type, EventType.policyVerdict);
    assert.equal(event.sourceIdentity, zoneA);
  });

  it('numbers of our own are not told to other nodes, to whom they are others', () => {
    const [remote, router] = [ip.ip('remote'), ip.family === 4 ? '10.9.0.77' : 'fd09::77'];
    node().netns.ip(
      'address',
      'add',
      `${router}/${ip.family === 4 ? 32 : 128}`,
      'dev',
      'lo',
      ...(ip.family === 4 ? [] : ['nodad']),
    );
    node().netns.ip('route', 'replace', remote, 'dev', 'vxlan', 'src', router);
    node().netns.ip('neighbour', 'replace', remote, 'dev', 'vxlan', 'lladdr', macs.sourceMac, 'nud', 'permanent');
    for (const [own, told] of [
      [2 ** 24 + identities.a, 2],
      [2 ** 25 + identities.a, 6],
      [identities.a, identities.a],
    ] as const) {
      node().prefix(router, own);
      assert.equal(dropped(device.send(remote, 53)), 'unroutable');
      assert.equal(device.send(remote, 53)[0]?.sourceIdentity, told);
    }
    node().netns.ip('route', 'del', remote, 'dev', 'vxlan');
    node().netns.ip('address', 'del', `${router}/${ip.family === 4 ? 32 : 128}`, 'dev', 'lo');
  });

  it('somebody who is no node opens no connection', () => {
    node().prefix('127.0.0.1', 2);
    assert.equal(dropped(device.receive(identities.remote, inner('remote', 'b'))), 'unknownSender');
  });

  it('nor does it get past by the stack, which would believe the mark', () => {
    const unknown = () => {
      node().prefix('127.0.0.1', 2);
      return device.receive(identities.remote, inner('remote', 'b', udp({ source: 1, destination: 2 })));
    };
    node().enable(ConfigFlag.stackServices);
    assert.equal(dropped(unknown()), 'unknownSender');
    node().disable(ConfigFlag.fastLocal);
    assert.equal(dropped(unknown()), 'unknownSender');
    node().prefix('127.0.0.1', 6);
    assert.deepEqual(device.receive(identities.remote, inner('remote', 'b')), [], 'a node does');
  });

  it('an address of ours does not come from there, and what is not for us goes nowhere', () => {
    assert.equal(dropped(device.receive(identities.remote, inner('a', 'b'))), 'invalidSourceAddress');
    assert.equal(dropped(device.receive(identities.remote, inner('remote', 'world'))), 'unroutable');
    assert.equal(dropped(device.receive(identities.remote, inner('remote', 'b').subarray(0, -1))), 'invalidPacket');
    const arp = frame({ ...macs, etherType: 0x0806 }, Buffer.alloc(28));
    assert.equal(dropped(device.receive(identities.remote, arp)), 'unsupportedL3Protocol');
  });

  it("an address of our Pod CIDR that nobody has is the stack's to answer for", () => {
    assert.deepEqual(device.receive(identities.remote, inner('remote', 'nobody')), []);
  });

  it('nodes reach each other over IPv6 as well', () => {
    const event = only(
      device.receive(identities.remote, inner('remote', 'b', udp({ source: 1, destination: 2 })), '::1'),
    );
    assert.equal(event.type, EventType.policyVerdict);
    node().prefix('::1', 2);
    assert.equal(
      dropped(device.receive(identities.remote, inner('remote', 'b', udp({ source: 3, destination: 2 })), '::1')),
      'unknownSender',
    );
  });

  it("a pod's packets for another node's pod go into the device", () => {
    const { a } = node();
    const result = node().from(a, ip.sent(a, 'remote', syn));
    assert.equal(result.verdict, 'redirect');
    assert.equal(result.events[0]?.point, EventPoint.toOverlay);
    assert.equal(result.events[0]?.targetIfindex, device.ifindex);
    assert.deepEqual(result.packet, ip.sent(a, 'remote', syn), "as they are: the outer headers are the device's");
    node().prefix(ip.ip('remote'), identities.remote, IpcacheFlag.tunnel, address('fd09::2'));
    assert.equal(node().from(a, ip.sent(a, 'remote', syn)).verdict, 'redirect');
  });

  it('what the node itself sends in gets its key there, under its policy', () => {
    const remote = ip.ip('remote');
    node().netns.ip('route', 'replace', remote, 'dev', 'vxlan', 'src', ip.ip('host'));
    node().netns.ip('neighbour', 'replace', remote, 'dev', 'vxlan', 'lladdr', macs.sourceMac, 'nud', 'permanent');
    // It comes back to us, from a node (127.0.0.1), with an address of ours: proof that it was encapsulated.
    const [back, ...more] = device.send(remote, 53);
    assert.deepEqual(more, []);
    assert.equal(back?.sourceIdentity, 6);
    assert.equal(back?.reason, DropReason.invalidSourceAddress);
    node().host([]);
    assert.equal(dropped(device.send(remote, 53)), 'policyDenied');
    node().host([{ identity: identities.remote, direction: 1, protocol: 17, port: 53 }]);
    assert.equal(device.send(remote, 53).length, 2, 'its verdict, and the drop at its return');
    node().prefix(remote, identities.remote);
    assert.equal(dropped(device.send(remote, 53)), 'unroutable');
    node().netns.ip('route', 'del', remote, 'dev', 'vxlan');
  });
});
