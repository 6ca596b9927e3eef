import assert from 'node:assert/strict';
import { type Extension, fragment, padding, routing } from '../../src/datapath/testing/packet.ts';
import { raw, sctp, tcp, udp } from '../../src/datapath/testing/transport.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

forFamilies('malformed packets', TestNode.open, (ip, node) => {
  const syn = tcp({ source: 40000, destination: 80 });
  const send = (payload: Parameters<typeof ip.sent>[2], extra?: Parameters<typeof ip.sent>[3]) => {
    const { a } = node();
    return node().from(a, ip.sent(a, 'b', payload, extra));
  };

  it('every cut of a packet is dropped', () => {
    const { a } = node();
    const whole = ip.sent(a, 'b', syn);
    // Shorter frames are refused by the test run itself.
    for (let size = ip.family === 4 ? 34 : 54; size < whole.length; size++) {
      const { reason } = node().from(a, whole.subarray(0, size));
      assert.ok(reason === 'truncatedHeader' || reason === 'invalidPacket', `${size} bytes: ${reason}`);
    }
  });

  it('a length that leaves no room for the transport header', () => {
    const over = ip.family === 4 ? { totalLength: 30 } : { payloadLength: 10 };
    assert.equal(send(syn, over).reason, 'truncatedHeader');
    const udpTooShort = ip.family === 4 ? { totalLength: 27 } : { payloadLength: 7 };
    assert.equal(send(udp({ source: 1, destination: 2 }), udpTooShort).reason, 'truncatedHeader');
  });

  it('a length beyond the packet', () => {
    assert.equal(send(syn, ip.family === 4 ? { totalLength: 41 } : { payloadLength: 21 }).reason, 'invalidPacket');
  });

  it('padding after the packet is none of its content', () => {
    const { a } = node();
    const padded = Buffer.concat([ip.sent(a, 'b', raw(17, Buffer.alloc(4))), Buffer.alloc(30)]);
    assert.equal(node().from(a, padded).reason, 'truncatedHeader');
    const fine = Buffer.concat([ip.sent(a, 'b', udp({ source: 1, destination: 2 })), Buffer.alloc(30)]);
    assert.equal(node().from(a, fine).verdict, 'redirect');
  });

  it('TCP flags that nobody sends', () => {
    const valid = ['S', 'SA', 'A', 'FA', 'R', 'RA'];
    const control = ['F', 'S', 'R', 'A'];
    for (let bits = 0; bits < 16; bits++) {
      const flags = control.filter((_, bit) => bits & (1 << bit)).join('');
      const { reason } = send(tcp({ source: 40000, destination: 80, flags }));
      assert.equal(reason === 'invalidPacket', !valid.includes(flags), flags);
    }
  });

  it('a TCP header that says it is shorter than it can be', () => {
    assert.equal(send(tcp({ source: 1, destination: 80, dataOffset: 4 })).reason, 'invalidPacket');
  });

  it('another version than the frame says', () => {
    assert.equal(send(syn, { version: ip.family === 4 ? 5 : 7 }).verdict, 'drop');
  });

  it('SCTP has ports, other protocols have none', () => {
    node().enforce(node().b, [{ identity: identities.a, protocol: 132, port: 9 }]);
    assert.equal(send(sctp({ source: 1, destination: 9 })).verdict, 'redirect');
    assert.equal(send(sctp({ source: 1, destination: 10 })).reason, 'policyDenied');
    node().enforce(node().b, [{ identity: identities.a, protocol: 47 }], 1, 2);
    assert.equal(send(raw(47, Buffer.alloc(8))).verdict, 'redirect');
    assert.equal(send(raw(50, Buffer.alloc(8))).reason, 'policyDenied');
  });

  if (ip.family === 4) {
    it('IPv4 options are stepped over', () => {
      node().enforce(node().b, [{ identity: identities.a, protocol: 6, port: 80 }]);
      for (const words of [1, 5, 10]) {
        const options = Buffer.alloc(words * 4, 1);
        assert.equal(send(syn, { options, id: words }).verdict, 'redirect');
        assert.equal(send(tcp({ source: 40000, destination: 81 }), { options }).reason, 'policyDenied');
      }
    });

    it('an IPv4 header that says it is shorter than it can be, or longer than the packet', () => {
      assert.equal(send(syn, { headerWords: 4 }).reason, 'invalidPacket');
      assert.equal(send(syn, { headerWords: 15 }).reason, 'invalidPacket');
    });
  } else {
    const toB = () => node().enforce(node().b, [{ identity: identities.a, protocol: 6, port: 80 }]);

    it('extension headers are stepped over', () => {
      toB();
      const chains = [
        [padding(0)],
        [padding(60)],
        [padding(0), padding(60), routing(0), fragment(1, 0, false), padding(60)],
        [{ header: 51, rest: Buffer.from([1, ...Buffer.alloc(10)]) }],
      ];
      for (const extensions of chains) {
        assert.equal(send(syn, { extensions }).verdict, 'redirect', JSON.stringify(extensions));
        assert.equal(send(tcp({ source: 1, destination: 81 }), { extensions }).reason, 'policyDenied');
      }
    });

    it('too many of them, hop-by-hop options not at first, two fragment headers, or a route that goes on', () => {
      const reason = (...extensions: Extension[]) => send(syn, { extensions }).reason;
      assert.equal(reason(...Array.from({ length: 7 }, () => padding(60))), 'invalidExtensionHeader');
      assert.equal(reason(padding(60), padding(0)), 'invalidExtensionHeader');
      assert.equal(reason(fragment(1, 0, true), fragment(1, 0, true)), 'invalidExtensionHeader');
      assert.equal(reason(routing(1)), 'invalidExtensionHeader');
    });

    it('an extension header longer than the packet', () => {
      assert.equal(
        send(syn, { extensions: [{ header: 60, rest: Buffer.from([200, 1, 4, 0, 0, 0, 0]) }] }).reason,
        'truncatedHeader',
      );
    });

    it("an IPv4 address in IPv6's clothes", () => {
      assert.equal(send(syn, { destination: '::ffff:10.0.0.2' }).reason, 'invalidPacket');
      assert.equal(send(syn, { source: '::ffff:10.0.0.1' }).reason, 'invalidPacket');
    });
  }
});
