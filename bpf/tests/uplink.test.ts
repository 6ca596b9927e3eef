import assert from 'node:assert/strict';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, Direction, EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

forFamilies('node devices', TestNode.open, (ip, node) => {
  const syn = (port = 80) => tcp({ source: 40000, destination: port });
  const sentByHost = (packet: Buffer) => node().run('to_uplink', packet, { ifindex: node().uplink });

  it('what comes for a pod is judged by its policy and delivered', () => {
    const { b } = node();
    node().enforce(b, [{ identity: identities.remote, protocol: 6, port: 80 }]);
    const result = node().received(ip.arriving('remote', 'b', syn()));
    assert.equal(result.verdict, 'redirect');
    assert.deepEqual(result.packet.subarray(0, 6), Buffer.from(b.mac));
    assert.equal(node().received(ip.arriving('remote', 'b', syn(81))).reason, 'policyDenied');
    assert.equal(node().received(ip.arriving('world', 'b', syn())).reason, 'policyDenied');
  });

  it('somebody without an entry in ipcache is the world', () => {
    node().enforce(node().b, [{ identity: 2, protocol: 6, port: 80 }]);
    assert.equal(node().received(ip.arriving('world', 'b', syn())).verdict, 'redirect');
  });

  it("answers to a pod's connection come back to it", () => {
    const { a } = node();
    node().enforce(a, [{ identity: identities.remote, direction: Direction.egress }], 3);
    const answer = ip.arriving('remote', 'a', tcp({ source: 80, destination: 40000, flags: 'SA' }));
    assert.equal(node().received(answer).reason, 'unsolicitedReply');
    assert.equal(node().from(a, ip.sent(a, 'remote', syn())).verdict, 'redirect');
    assert.equal(node().received(answer).verdict, 'redirect');
  });

  it('an address of ours that comes from outside is dropped', () => {
    for (const source of ['a', 'host'] as const)
      assert.equal(node().received(ip.arriving(source, 'b', syn())).reason, 'invalidSourceAddress');
  });

  it("what is neither for a pod nor for us is the stack's, and so is the way to a pod that is going", () => {
    assert.equal(node().received(ip.arriving('remote', 'world', syn())).verdict, 'pass');
    assert.equal(node().received(ip.arriving('remote', 'nobody', syn())).verdict, 'pass');
    node().maps.endpoints.delete(node().b.ifindex);
    assert.equal(node().received(ip.arriving('remote', 'b', syn())).reason, 'endpointNotReady');
  });

  it('without a configuration the node stays reachable', () => {
    node().configure({ version: 0 });
    assert.equal(node().received(ip.arriving('remote', 'host', syn(22))).verdict, 'pass');
    assert.equal(sentByHost(ip.arriving('host', 'remote', syn())).verdict, 'pass');
  });

  it('with fast paths off, pods get their packets from the stack', () => {
    node().disable(ConfigFlag.fastLocal);
    node().enforce(node().b, []);
    assert.equal(node().received(ip.arriving('remote', 'b', syn())).verdict, 'pass');
    assert.equal(node().to(node().b, ip.arriving('remote', 'b', syn())).reason, 'policyDenied');
  });

  describe('host policy', () => {
    it('does not apply while there is none', () => {
      assert.equal(node().received(ip.arriving('remote', 'host', syn(22))).verdict, 'pass');
      assert.equal(sentByHost(ip.arriving('host', 'world', syn())).verdict, 'pass');
      assert.deepEqual([...node().maps.conntrack4.entries(), ...node().maps.conntrack6.entries()], []);
    });

    it('judges what comes for the node', () => {
      node().host([{ identity: 6, protocol: 6, port: 22 }]);
      assert.equal(node().received(ip.arriving('node', 'host', syn(22))).verdict, 'pass');
      assert.equal(node().received(ip.arriving('node', 'host', syn(23))).reason, 'policyDenied');
      assert.equal(node().received(ip.arriving('world', 'host', syn(22))).reason, 'policyDenied');
    });

    it('judges what the node sends, and lets the answers in', () => {
      node().host([{ identity: 2, direction: Direction.egress, protocol: 6, port: 443 }]);
      const answer = ip.arriving('world', 'host', tcp({ source: 443, destination: 40000, flags: 'SA' }));
      assert.equal(sentByHost(ip.arriving('host', 'world', syn(80))).reason, 'policyDenied');
      assert.equal(node().received(answer).reason, 'unsolicitedReply');
      assert.equal(sentByHost(ip.arriving('host', 'world', syn(443))).verdict, 'pass');
      assert.equal(node().received(answer).verdict, 'pass');
    });

    it('is not about what pods send through the node', () => {
      node().host([]);
      assert.equal(sentByHost(ip.arriving('a', 'world', syn())).verdict, 'pass');
    });

    it('does not cut the tunnel between nodes', () => {
      node().host([]);
      node().enable(ConfigFlag.tunnel);
      const vxlan = udp({ source: 50000, destination: 8472 });
      // Whether or not policies tell it apart by its labels.
      for (const identity of [6, 7, 2 ** 25 + 5]) {
        node().prefix(ip.ip('node'), identity);
        assert.equal(node().received(ip.arriving('node', 'host', vxlan)).verdict, 'pass');
        assert.equal(sentByHost(ip.arriving('host', 'node', vxlan)).verdict, 'pass');
      }
      node().prefix(ip.ip('node'), 2 ** 24 + 5);
      assert.equal(node().received(ip.arriving('node', 'host', vxlan)).reason, 'policyDenied');
      assert.equal(node().received(ip.arriving('world', 'host', vxlan)).reason, 'policyDenied');
      assert.equal(sentByHost(ip.arriving('host', 'world', vxlan)).reason, 'policyDenied');
    });

    it('judges pods that talk to their node, and the node that talks to its pods', () => {
      const { a } = node();
      node().host([
        { identity: identities.a, protocol: 6, port: 10250 },
        { identity: identities.a, direction: Direction.egress, protocol: 6, port: 8080 },
      ]);
      assert.equal(node().from(a, ip.sent(a, 'host', syn(10250))).verdict, 'pass');
      assert.equal(node().from(a, ip.sent(a, 'host', syn(22))).reason, 'policyDenied');
      assert.equal(node().to(a, ip.arriving('host', 'a', syn(8080))).verdict, 'pass');
      assert.equal(node().to(a, ip.arriving('host', 'a', syn(8081))).reason, 'policyDenied');
    });
  });

  it('a pod knows its node by identity 1', () => {
    node().enforce(node().a, [{ identity: 1, protocol: 6, port: 8080 }], EndpointFlag.ingressEnforced);
    assert.equal(node().to(node().a, ip.arriving('host', 'a', syn(8080))).verdict, 'pass');
    assert.equal(node().to(node().a, ip.arriving('node', 'a', syn(8080))).reason, 'policyDenied');
  });

  it('the identity in the mark is believed, and goes no further', () => {
    const { a } = node();
    node().enforce(a, [{ identity: 0x12_3456 }]);
    const result = node().to(a, ip.arriving('world', 'a', syn()), 0x3456_0f12);
    assert.equal(result.verdict, 'pass');
    assert.equal(result.mark, 0);
  });

  it('a node in the mark is the one that has the address, and one in any case', () => {
    const { a } = node();
    node().enforce(a, [{ identity: 2 ** 25 + 5 }]);
    const from = (port: number) => node().to(a, ip.arriving('node', 'a', syn(port)), 0x0006_0f00);
    const [denied] = from(80).events;
    assert.equal(denied?.sourceIdentity, 6);
    node().prefix(ip.ip('node'), 2 ** 25 + 5);
    assert.equal(from(81).verdict, 'pass');
    node().prefix(ip.ip('node'), 1003);
    assert.equal(from(82).events[0]?.sourceIdentity, 6);
  });
});
