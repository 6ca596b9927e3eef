import assert from 'node:assert/strict';
import { raw, tcp, udp } from '../../src/datapath/testing/transport.ts';
import { Direction, EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

const both = EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced;

forFamilies('ICMP', TestNode.open, (ip, node) => {
  const ping = (from: 'a' | 'b', id = 5) => {
    const sender = node()[from];
    return node().from(sender, ip.sent(sender, from === 'a' ? 'b' : 'a', ip.echo(ip.echoRequest, id)));
  };
  const pong = (from: 'a' | 'b', id = 5) => {
    const sender = node()[from];
    return node().from(sender, ip.sent(sender, from === 'a' ? 'b' : 'a', ip.echo(ip.echoReply, id)));
  };
  const mayPing = () => {
    const protocol = ip.icmp;
    const port = ip.echoRequest;
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress, protocol, port }], both);
    node().enforce(node().b, [{ identity: identities.a, protocol, port }], both);
  };

  it('the type is the port of an entry', () => {
    mayPing();
    assert.equal(ping('a').verdict, 'redirect');
    assert.equal(ping('b').reason, 'policyDenied');
  });

  it('an answer passes if it was asked for', () => {
    mayPing();
    assert.equal(pong('b').reason, 'policyDenied');
    ping('a');
    assert.equal(pong('b').verdict, 'redirect');
    assert.equal(pong('b', 6).reason, 'policyDenied');
  });

  it('a question is no answer, even with the same identifier', () => {
    mayPing();
    ping('a');
    assert.equal(ping('b').reason, 'policyDenied');
  });

  it('an answer that nobody asked for opens no way, where it is allowed', () => {
    node().enforce(node().b, [{ identity: identities.a }], both);
    assert.equal(pong('a').verdict, 'redirect');
    assert.equal(ping('b').reason, 'policyDenied');
  });

  it('an error passes with the connection that it is about', () => {
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress, protocol: 17, port: 53 }], both);
    node().enforce(node().b, [{ identity: identities.a, protocol: 17, port: 53 }], both);
    const { a, b } = node();
    const query = udp({ source: 5000, destination: 53 });
    const error = ip.sent(b, 'a', ip.error(ip.packet('a', 'b', query)));
    assert.equal(node().from(b, error).reason, 'policyDenied');
    assert.equal(node().from(a, ip.sent(a, 'b', query)).verdict, 'redirect');
    assert.equal(node().from(b, error).verdict, 'redirect');
    const other = ip.error(ip.packet('a', 'b', udp({ source: 5001, destination: 53 })));
    assert.equal(node().from(b, ip.sent(b, 'a', other)).reason, 'policyDenied');
  });

  it('an error about an answer passes, too', () => {
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress, protocol: 17, port: 53 }], both);
    node().enforce(node().b, [{ identity: identities.a, protocol: 17, port: 53 }], both);
    const { a } = node();
    node().from(a, ip.sent(a, 'b', udp({ source: 5000, destination: 53 })));
    const error = ip.error(ip.packet('b', 'a', udp({ source: 53, destination: 5000 })));
    assert.equal(node().from(a, ip.sent(a, 'b', error)).verdict, 'redirect');
  });

  it('an error from a router on the way passes', () => {
    node().enforce(
      node().a,
      [{ identity: identities.remote, direction: Direction.egress, protocol: 6, port: 80 }],
      both,
    );
    const { a } = node();
    const syn = tcp({ source: 40000, destination: 80 });
    const error = ip.arriving('node', 'a', ip.error(ip.packet('a', 'remote', syn)));
    assert.equal(node().received(error).reason, 'policyDenied');
    node().from(a, ip.sent(a, 'remote', syn));
    assert.equal(node().received(error).verdict, 'redirect');
  });

  it('an error about a ping passes', () => {
    mayPing();
    ping('a');
    const error = ip.error(ip.packet('a', 'b', ip.echo(ip.echoRequest, 5)));
    const { b } = node();
    assert.equal(node().from(b, ip.sent(b, 'a', error)).verdict, 'redirect');
  });

  it("an error that quotes somebody else's packet is judged by itself", () => {
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress, protocol: 17, port: 53 }], both);
    const { a, b } = node();
    node().from(a, ip.sent(a, 'b', udp({ source: 5000, destination: 53 })));
    const foreign = ip.error(ip.packet('remote', 'b', udp({ source: 5000, destination: 53 })));
    assert.equal(node().from(b, ip.sent(b, 'a', foreign)).reason, 'policyDenied');
  });

  it('an error that quotes nothing, or too little, is judged by itself', () => {
    node().enforce(node().a, [], both);
    const { b } = node();
    const whole = ip.packet('a', 'b', udp({ source: 5000, destination: 53 }));
    for (let size = 0; size < whole.length; size += 3)
      assert.equal(
        node().from(b, ip.sent(b, 'a', ip.error(whole.subarray(0, size)))).reason,
        'policyDenied',
        `${size}`,
      );
    const nonsense = ip.error(ip.packet('a', 'b', raw(250, Buffer.alloc(16))));
    assert.equal(node().from(b, ip.sent(b, 'a', nonsense)).reason, 'policyDenied');
  });

  it('after a change of policy, an error waits until the connection itself was judged again', () => {
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress, protocol: 17, port: 53 }], both);
    const { a, b } = node();
    const query = udp({ source: 5000, destination: 53 });
    node().from(a, ip.sent(a, 'b', query));
    node().set(a, { flags: both, policyGeneration: 2 });
    const error = ip.sent(b, 'a', ip.error(ip.packet('a', 'b', query)));
    assert.equal(node().from(b, error).reason, 'policyDenied');
    node().from(a, ip.sent(a, 'b', query));
    assert.equal(node().from(b, error).verdict, 'redirect');
  });
});
