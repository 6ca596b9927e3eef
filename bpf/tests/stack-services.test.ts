import assert from 'node:assert/strict';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, Direction, EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

/** `world` stands for a Service's address, which the stack translates. */
forFamilies('Services of the stack', TestNode.open, (ip, node) => {
  const both = EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced;
  const request = (flags = 'S') => tcp({ source: 40000, destination: 80, flags });
  const reply = (flags = 'SA') => tcp({ source: 80, destination: 40000, flags });

  beforeEach(() => {
    const { a, b } = node();
    node().enable(ConfigFlag.stackServices);
    node().enforce(a, [{ identity: 2, direction: Direction.egress }], both);
    node().enforce(b, [{ identity: 0, protocol: 6, port: 80 }], both);
  });

  it('a backend on the same node answers through the stack, which translates back', () => {
    const { a, b } = node();
    assert.equal(node().from(a, ip.sent(a, 'world', request())).verdict, 'pass');
    assert.equal(node().to(b, ip.arriving('a', 'b', request())).verdict, 'pass', 'translated');
    assert.equal(node().from(b, ip.sent(b, 'a', reply())).verdict, 'pass', 'not delivered as it is');
    assert.equal(node().to(a, ip.arriving('world', 'a', reply())).verdict, 'pass', 'translated back');
    assert.equal(node().from(b, ip.sent(b, 'a', reply('A'))).verdict, 'pass');
  });

  it('an answer from another node goes through the stack, unless its connection is known', () => {
    const { a } = node();
    assert.equal(node().from(a, ip.sent(a, 'world', request())).verdict, 'pass');
    assert.deepEqual(node().received(ip.arriving('remote', 'a', reply())).events, [], 'not judged yet');
    assert.equal(node().received(ip.arriving('remote', 'a', reply())).verdict, 'pass');
    assert.equal(node().to(a, ip.arriving('world', 'a', reply())).verdict, 'pass');
    node().enforce(a, [{ identity: identities.remote, direction: Direction.egress }], both, 2);
    assert.equal(node().from(a, ip.sent(a, 'remote', request())).verdict, 'redirect');
    assert.equal(node().received(ip.arriving('remote', 'a', reply())).verdict, 'redirect');
  });

  it('what passes to the stack that way is judged behind it', () => {
    const { a, b } = node();
    assert.equal(node().received(ip.arriving('remote', 'a', udp({ source: 53, destination: 5000 }))).verdict, 'pass');
    assert.equal(
      node().to(a, ip.arriving('remote', 'a', udp({ source: 53, destination: 5000 }))).reason,
      'policyDenied',
    );
    assert.equal(
      node().received(ip.arriving('remote', 'b', tcp({ source: 1, destination: 81 }))).reason,
      'policyDenied',
    );
    assert.equal(
      node().to(b, ip.arriving('remote', 'b', tcp({ source: 1, destination: 81, flags: 'A' }))).reason,
      'policyDenied',
    );
  });

  it('from another node, a connection that begins with a SYN is untouched, and fast both ways', () => {
    const { b } = node();
    assert.equal(node().received(ip.arriving('remote', 'b', request())).verdict, 'redirect');
    assert.equal(node().from(b, ip.sent(b, 'remote', reply())).verdict, 'redirect');
    assert.equal(node().received(ip.arriving('remote', 'b', request('A'))).verdict, 'redirect');
  });

  it('pods that talk to each other by their own addresses are fast', () => {
    const { a, b } = node();
    node().enforce(a, [{ identity: identities.b, direction: Direction.egress }], both, 2);
    assert.equal(node().from(a, ip.sent(a, 'b', request())).verdict, 'redirect');
    assert.equal(node().from(b, ip.sent(b, 'a', reply())).verdict, 'redirect');
  });

  it('without such Services nothing has to go round', () => {
    const { b } = node();
    node().disable(ConfigFlag.stackServices);
    assert.equal(node().to(b, ip.arriving('a', 'b', request())).verdict, 'pass');
    assert.equal(
      node().from(b, ip.sent(b, 'a', reply())).reason,
      'policyDenied',
      'fast: the receiver is asked at once',
    );
    node().enforce(b, [{ identity: 0 }], both, 2);
    assert.equal(node().received(ip.arriving('remote', 'b', udp({ source: 1, destination: 2 }))).verdict, 'redirect');
  });
});
