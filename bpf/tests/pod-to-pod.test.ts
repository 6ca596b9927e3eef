import assert from 'node:assert/strict';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

forFamilies('pod to pod on one node', TestNode.open, (ip, node) => {
  const open = (flags = 'S', port = 80) => tcp({ source: 40000, destination: port, flags });

  it("is delivered past the stack, with the addresses of the receiver's link", () => {
    const { a, b } = node();
    const result = node().from(a, ip.sent(a, 'b', open()));
    assert.equal(result.verdict, 'redirect');
    assert.deepEqual(result.packet.subarray(0, 6), Buffer.from(b.mac));
    assert.deepEqual(result.packet.subarray(6, 12), Buffer.from(b.gatewayMac));
    assert.deepEqual(result.packet.subarray(14), ip.sent(a, 'b', open()).subarray(14), 'and nothing else changed');
  });

  it('is denied where nothing allows it', () => {
    const { a, b } = node();
    node().enforce(b, []);
    assert.equal(node().from(a, ip.sent(a, 'b', open())).reason, 'policyDenied');
  });

  it("is allowed by an entry for the sender's identity and that port, and by no other", () => {
    const { a, b } = node();
    node().enforce(b, [{ identity: identities.a, protocol: 6, port: 80 }]);
    assert.equal(node().from(a, ip.sent(a, 'b', open())).verdict, 'redirect');
    assert.equal(node().from(a, ip.sent(a, 'b', open('S', 81))).reason, 'policyDenied');
    assert.equal(node().from(a, ip.sent(a, 'b', udp({ source: 1, destination: 80 }))).reason, 'policyDenied');
    node().enforce(b, [{ identity: identities.remote, protocol: 6, port: 80 }], EndpointFlag.ingressEnforced, 2);
    assert.equal(node().from(a, ip.sent(a, 'b', open())).reason, 'policyDenied');
  });

  it('is denied to the sender by its own egress policy', () => {
    const { a } = node();
    node().enforce(a, [{ identity: identities.b, direction: 1, protocol: 6, port: 443 }], EndpointFlag.egressEnforced);
    assert.equal(node().from(a, ip.sent(a, 'b', open())).reason, 'policyDenied');
    assert.equal(node().from(a, ip.sent(a, 'b', open('S', 443))).verdict, 'redirect');
  });

  it('replies pass, whatever the policies of their direction say', () => {
    const { a, b } = node();
    node().enforce(
      b,
      [{ identity: identities.a, protocol: 6, port: 80 }],
      EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced,
    );
    node().enforce(
      a,
      [{ identity: identities.b, direction: 1 }],
      EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced,
    );
    const reply = (flags: string) => ip.sent(b, 'a', tcp({ source: 80, destination: 40000, flags }));
    assert.equal(node().from(b, reply('A')).reason, 'policyDenied', 'not before it was asked');
    assert.equal(node().from(a, ip.sent(a, 'b', open())).verdict, 'redirect');
    assert.equal(node().from(b, reply('SA')).verdict, 'redirect');
    assert.equal(node().from(a, ip.sent(a, 'b', open('A'))).verdict, 'redirect');
    assert.equal(node().from(b, reply('A')).verdict, 'redirect');
  });

  it("goes by the stack with fast paths off, which hands it to the receiver's own program", () => {
    const { a, b } = node();
    node().disable(ConfigFlag.fastLocal);
    node().enforce(b, []);
    assert.equal(node().from(a, ip.sent(a, 'b', open())).verdict, 'pass');
    assert.equal(node().to(b, ip.arriving('a', 'b', open())).reason, 'policyDenied');
    node().enforce(b, [{ identity: identities.a }]);
    assert.equal(node().to(b, ip.arriving('a', 'b', open())).verdict, 'pass');
  });

  it('goes by the stack where another plugin made the interface', () => {
    const { a, b } = node();
    node().set(b, { flags: EndpointFlag.chained });
    assert.equal(node().from(a, ip.sent(a, 'b', open())).verdict, 'pass');
  });
});
