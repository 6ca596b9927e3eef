import assert from 'node:assert/strict';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { EventType, IpcacheFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { onOneCpu } from './support/one-cpu.ts';
import { identities, TestNode } from './support/test-node.ts';

forFamilies('the way to an address', TestNode.open, (ip, node) => {
  let port = 1000;
  /** Each a new connection: one that is there is judged again when its peer is somebody else. */
  const send = (data = 0) =>
    node().from(
      node().a,
      ip.sent(node().a, 'remote', udp({ source: port++, destination: 53, data: Buffer.alloc(data) })),
    );
  const seen = (result = send()) =>
    result.events.find(({ type }) => type === EventType.policyVerdict)?.destinationIdentity;
  onOneCpu();

  // What the last test left is asked anew.
  beforeEach(() => {
    for (const pod of [node().a, node().b])
      node().from(pod, ip.sent(pod, 'remote', udp({ source: 1, destination: 53 })));
  });

  it('is asked for each packet where nothing says for how long it is good', () => {
    assert.equal(seen(), identities.remote);
    node().prefix(ip.ip('remote'), 4242, IpcacheFlag.routed);
    assert.equal(seen(), 4242);
  });

  it('is kept for as long as the configuration says, and asked again', async () => {
    node().configure({ wayLifetime: 300_000_000 });
    assert.equal(seen(), identities.remote);
    node().prefix(ip.ip('remote'), 4242, IpcacheFlag.routed);
    assert.equal(seen(), identities.remote);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(seen(), 4242);
  });

  it("is one pod's own", () => {
    const { b } = node();
    const fromB = () => node().from(b, ip.sent(b, 'remote', udp({ source: port++, destination: 53 })));
    node().prefix(ip.ip('remote'), 4242, IpcacheFlag.routed);
    fromB();
    node().configure({ wayLifetime: 4_000_000_000 });
    assert.equal(seen(), identities.remote);
    assert.equal(seen(fromB()), 4242);
  });

  it('is the same for the next packet, down to the frame', () => {
    node().configure({ wayLifetime: 4_000_000_000 });
    const packet = ip.sent(node().a, 'remote', udp({ source: 7, destination: 53 }));
    const [first, second] = [node().from(node().a, packet), node().from(node().a, packet)];
    assert.equal(first.verdict, 'redirect');
    assert.equal(second.verdict, 'redirect');
    assert.deepEqual(second.packet, first.packet);
  });

  it("a packet larger than the device's MTU is the stack's, which fragments it or says so", () => {
    node().configure({ wayLifetime: 4_000_000_000 });
    assert.equal(send(1000).verdict, 'redirect');
    assert.equal(send(1500).verdict, 'pass');
    assert.equal(send(1000).verdict, 'redirect');
  });

  it('so is one whose segments would be', () => {
    const segments = ip.sent(
      node().a,
      'remote',
      tcp({ source: 1, destination: 2, flags: 'A', data: Buffer.alloc(3000) }),
    );
    const cut = (gsoSize: number) =>
      node().run('from_pod', segments, { ifindex: node().a.ifindex, gsoSegments: 3, gsoSize }).verdict;
    const headers = ip.family === 4 ? 40 : 60;
    assert.equal(cut(1500 - headers), 'redirect');
    assert.equal(cut(1501 - headers), 'pass');
  });
});
