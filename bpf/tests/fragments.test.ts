import assert from 'node:assert/strict';
import { fragment, padding } from '../../src/datapath/testing/packet.ts';
import { type Payload, raw, tcp, udp } from '../../src/datapath/testing/transport.ts';
import { EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

forFamilies('fragments', TestNode.open, (ip, node) => {
  const send = (payload: Payload, id: number, offset: number, more: boolean) => {
    const { a } = node();
    const extra =
      ip.family === 4
        ? { id, fragmentOffset: offset, moreFragments: more }
        : { extensions: [fragment(id, offset, more)] };
    return node().from(a, ip.sent(a, 'b', payload, extra));
  };
  const first = (id: number, destination: number) =>
    send(udp({ source: 5000, destination, data: Buffer.alloc(16) }), id, 0, true);
  const later = (id: number, protocol = 17) => send(raw(protocol, Buffer.alloc(16, 0xff)), id, 3, false);

  beforeEach(() => {
    node().enforce(node().b, [{ identity: identities.a, protocol: 17, port: 53 }]);
    for (const map of [node().maps.conntrack4, node().maps.conntrack6]) assert.deepEqual([...map.entries()], []);
  });

  it('later ones are judged by the ports of their first', () => {
    assert.equal(first(1, 53).verdict, 'redirect');
    assert.equal(later(1).verdict, 'redirect');
    assert.equal(first(2, 54).reason, 'policyDenied');
    assert.equal(later(2).reason, 'policyDenied');
  });

  it('one without its first is dropped', () => {
    assert.equal(later(77).reason, 'fragmentNotFound');
    first(78, 53);
    assert.equal(later(79).reason, 'fragmentNotFound');
  });

  it('only of the same sender and receiver', () => {
    first(3, 53);
    const { b } = node();
    node().enforce(node().a, []);
    const extra = ip.family === 4 ? { id: 3, fragmentOffset: 3 } : { extensions: [fragment(3, 3, false)] };
    assert.equal(node().from(b, ip.sent(b, 'a', raw(17, Buffer.alloc(16)), extra)).reason, 'fragmentNotFound');
  });

  it('a first one without all of its transport header is dropped', () => {
    assert.equal(send(raw(6, Buffer.alloc(16)), 4, 0, true).reason, 'truncatedHeader');
    assert.equal(send(raw(17, Buffer.alloc(4)), 4, 0, true).reason, 'truncatedHeader');
  });

  it('a large ping is one ping', () => {
    node().enforce(node().b, [{ identity: identities.a, protocol: ip.icmp, port: ip.echoRequest }]);
    assert.equal(send(ip.echo(ip.echoRequest, 9), 5, 0, true).verdict, 'redirect');
    assert.equal(later(5, ip.icmp).verdict, 'redirect');
  });

  it('later ones pass with an answer', () => {
    const { a, b } = node();
    node().enforce(a, [], EndpointFlag.ingressEnforced);
    node().from(a, ip.sent(a, 'b', udp({ source: 5000, destination: 53 })));
    const answer = (payload: Payload, offset: number, more: boolean) => {
      const extra =
        ip.family === 4
          ? { id: 6, fragmentOffset: offset, moreFragments: more }
          : { extensions: [fragment(6, offset, more)] };
      return node().from(b, ip.sent(b, 'a', payload, extra));
    };
    assert.equal(answer(udp({ source: 53, destination: 5000, data: Buffer.alloc(16) }), 0, true).verdict, 'redirect');
    assert.equal(answer(raw(17, Buffer.alloc(16)), 3, false).verdict, 'redirect');
  });

  if (ip.family === 4)
    it('one that begins in the middle of a TCP header is dropped', () => {
      send(tcp({ source: 5000, destination: 53 }), 7, 0, true);
      assert.equal(send(raw(6, Buffer.alloc(16)), 7, 1, false).reason, 'invalidPacket');
    });
  else
    it('one that says it is of another protocol than its first is what the first was', () => {
      const { a } = node();
      first(8, 53);
      const extra = { extensions: [fragment(8, 3, false), padding(60)] };
      assert.equal(node().from(a, ip.sent(a, 'b', raw(6, Buffer.alloc(16)), extra)).verdict, 'redirect');
    });
});
