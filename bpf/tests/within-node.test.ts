import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, ConntrackState, Direction, EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, type Pod, TestNode } from './support/test-node.ts';

const { ingressEnforced, egressEnforced } = EndpointFlag;
const both = ingressEnforced | egressEnforced;

/** `a` is the client, `b` the server. */
forFamilies('connections within a node', TestNode.open, (ip, node) => {
  let generation = 1;
  const request = (flags = 'S', source = 40000) => {
    const { a } = node();
    return node().from(a, ip.sent(a, 'b', tcp({ source, destination: 80, flags })));
  };
  const reply = (flags = 'SA', destination = 40000) => {
    const { b } = node();
    return node().from(b, ip.sent(b, 'a', tcp({ source: 80, destination, flags })));
  };
  const handshake = () => {
    for (const { verdict } of [request(), reply(), request('A')]) assert.equal(verdict, 'redirect');
  };
  const map = () => (ip.family === 4 ? node().maps.conntrack4 : node().maps.conntrack6);
  const entries = () => [...map().entries()].sort(([x], [y]) => x.endpoint - y.endpoint);
  const kept = () => entries().map(([{ endpoint }]) => endpoint);

  const toServer = { identity: identities.b, direction: Direction.egress, protocol: 6, port: 80 };
  const fromClient = { identity: identities.a, protocol: 6, port: 80 };
  const enforce = (pod: Pod, flags: number, rules: Parameters<TestNode['policy']>[1] = []) =>
    node().enforce(pod, rules, flags, ++generation);
  const free = (pod: Pod) => node().set(pod, { flags: 0, policyGeneration: ++generation });

  it('are kept by the endpoint whose policy is enforced, by both if both are, and else by one', () => {
    const { a, b } = node();
    const opened = (change: () => void) => {
      node().reset();
      change();
      handshake();
      return kept();
    };
    assert.deepEqual(
      opened(() => {}),
      [11],
    );
    assert.deepEqual(
      opened(() => enforce(b, ingressEnforced, [fromClient])),
      [12],
    );
    assert.deepEqual(
      opened(() => enforce(a, egressEnforced, [toServer])),
      [11],
    );
    assert.deepEqual(
      opened(() => {
        enforce(a, both, [toServer]);
        enforce(b, both, [fromClient]);
      }),
      [11, 12],
    );
    assert.deepEqual(
      entries().map(([{ localPort, peerPort, protocol }, { direction, peerIdentity, packets }]) => [
        localPort,
        peerPort,
        protocol,
        direction,
        peerIdentity,
        packets,
      ]),
      [
        [40000, 80, 6, 1, identities.b, [2, 1]],
        [80, 40000, 6, 0, identities.a, [2, 1]],
      ],
      'each from its own side',
    );
  });

  it('go on under a policy that comes, from whichever side the next packet is', () => {
    const { a, b } = node();
    for (const next of [request, reply]) {
      for (const [pod, flags, rule] of [
        [b, both, fromClient],
        [a, both, toServer],
      ] as const) {
        node().reset();
        handshake();
        enforce(pod, flags, [rule]);
        assert.equal(next('A').verdict, 'redirect');
        assert.deepEqual(kept(), [pod.id], 'and nobody else knows');
        assert.equal(reply('A').verdict, 'redirect');
        assert.equal(request('A').verdict, 'redirect');
        node().reset();
        handshake();
        enforce(pod, flags);
        assert.equal(next('A').reason, 'policyDenied');
        assert.equal(reply('A').reason, 'policyDenied', 'what was a reply does not become a request');
      }
    }
  });

  it('go on without the policy, and with one of the other side', () => {
    const { a, b } = node();
    enforce(b, both, [fromClient]);
    handshake();
    free(b);
    assert.equal(reply('A').verdict, 'redirect');
    assert.deepEqual(kept(), [11]);
    enforce(a, both, [toServer]);
    assert.equal(reply('A').verdict, 'redirect');
    enforce(a, both);
    assert.equal(reply('A').reason, 'policyDenied');
  });

  it('that end are forgotten by whoever had them: a new one is another’s to open', () => {
    const { a, b } = node();
    enforce(a, both, [toServer]);
    enforce(b, both, [fromClient]);
    handshake();
    free(a);
    // The client has an old entry, from when both kept theirs. Now the server opens one with the same addresses and ports.
    enforce(b, both, [{ identity: identities.a }, { identity: identities.a, direction: Direction.egress }]);
    assert.equal(reply('S').verdict, 'redirect');
    assert.deepEqual(kept(), [12]);
    enforce(a, both, [toServer]);
    assert.equal(reply('A').reason, 'policyDenied', 'not a reply');
  });

  it('UDP: who asked first has asked, whoever keeps it', () => {
    const { a, b } = node();
    const ask = () => node().from(a, ip.sent(a, 'b', udp({ source: 5000, destination: 53 })));
    const answer = () => node().from(b, ip.sent(b, 'a', udp({ source: 53, destination: 5000 })));
    assert.equal(ask().verdict, 'redirect');
    enforce(a, both, [{ identity: identities.b, direction: Direction.egress, protocol: 17, port: 53 }]);
    assert.equal(answer().verdict, 'redirect');
    node().reset();
    assert.equal(answer().verdict, 'redirect');
    enforce(a, both, [{ identity: identities.b, direction: Direction.egress, protocol: 17, port: 53 }]);
    assert.equal(answer().reason, 'policyDenied');
  });

  it('of a pod that had the address before say nothing of the next one', () => {
    const { a, b } = node();
    enforce(b, both, [fromClient]);
    handshake();
    node().set(a, { id: 13, flags: both, policyGeneration: 1 });
    node().policy(a.policyId, [toServer]);
    assert.equal(reply('A').reason, 'policyDenied');
    node().set(a, { flags: both, policyGeneration: 1 });
    assert.equal(reply('A').verdict, 'redirect', 'the one who opened it');
  });

  it('that came through the stack go back through it, whoever keeps others, and live on', () => {
    const { a, b } = node();
    node().enable(ConfigFlag.stackServices);
    assert.equal(node().to(b, ip.arriving('a', 'b', tcp({ source: 40000, destination: 80 }))).verdict, 'pass');
    assert.equal(reply().verdict, 'pass');
    assert.deepEqual(kept(), [12]);
    assert.equal(entries()[0]?.[1].state, ConntrackState.established);
    assert.deepEqual(entries()[0]?.[1].packets, [1, 1]);
    enforce(a, both, [{ identity: 2, direction: Direction.egress }]);
    assert.equal(reply('A').verdict, 'pass', 'translated back first, then judged');
  });

  it('are others than what was between the same two without the stack', () => {
    const { b } = node();
    node().enable(ConfigFlag.stackServices);
    const answered = (ask: Buffer, answer: Buffer) => {
      assert.equal(node().to(b, ask).verdict, 'pass');
      assert.equal(node().from(b, answer).verdict, 'pass');
      assert.deepEqual(kept(), [12]);
      node().reset();
      node().enable(ConfigFlag.stackServices);
    };
    handshake();
    answered(
      ip.arriving('a', 'b', tcp({ source: 40000, destination: 80 })),
      ip.sent(b, 'a', tcp({ source: 80, destination: 40000, flags: 'SA' })),
    );
    node().from(node().a, ip.sent(node().a, 'b', udp({ source: 5060, destination: 5060 })));
    const ping = udp({ source: 5060, destination: 5060 });
    answered(ip.arriving('a', 'b', ping), ip.sent(b, 'a', ping));
  });

  it('go on by the stack when fast paths are switched off', () => {
    const { a, b } = node();
    handshake();
    node().disable(ConfigFlag.fastLocal);
    assert.equal(reply('A').verdict, 'pass');
    assert.equal(
      node().to(a, ip.arriving('b', 'a', tcp({ source: 80, destination: 40000, flags: 'A' }))).verdict,
      'pass',
    );
    enforce(b, both, [fromClient]);
    assert.equal(reply('A').verdict, 'pass');
    enforce(b, both);
    assert.equal(reply('A').reason, 'policyDenied');
  });

  it('policies come and go while a connection is there: it passes as long as both sides allow what was opened', () => {
    // Made once: a new map in a map takes longer than all the packets.
    const policies: Readonly<Record<string, number>> = { allows: 201, denies: 202, 'allows the other way': 203 };
    node().policy(201, [toServer, fromClient]);
    node().policy(202, []);
    node().policy(203, [
      { identity: identities.b, protocol: 6 },
      { identity: identities.a, direction: Direction.egress, protocol: 6 },
    ]);
    const policy = fc.constantFrom('none', ...Object.keys(policies));
    const step = fc.oneof(
      fc.record({ pod: fc.constantFrom('a', 'b'), policy }),
      fc.record({ from: fc.constantFrom('a', 'b'), flags: fc.constantFrom('A', 'A', 'PA') }),
    );
    let port = 1024;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const { a, b } = node();
        free(a);
        free(b);
        port++;
        for (const { verdict } of [request('S', port), reply('SA', port), request('A', port)])
          assert.equal(verdict, 'redirect');
        const now = { a: 'none', b: 'none' };
        for (const one of steps) {
          if ('pod' in one) {
            now[one.pod as 'a'] = one.policy;
            const pod = one.pod === 'a' ? a : b;
            if (one.policy === 'none') free(pod);
            else node().set(pod, { flags: both, policyId: policies[one.policy]!, policyGeneration: ++generation });
            continue;
          }
          const { verdict } = one.from === 'a' ? request(one.flags, port) : reply(one.flags, port);
          const allowed = [now.a, now.b].every((policy) => policy === 'none' || policy === 'allows');
          assert.equal(verdict, allowed ? 'redirect' : 'drop', JSON.stringify({ now, one }));
        }
      }),
      { numRuns: 500 },
    );
  });
});
