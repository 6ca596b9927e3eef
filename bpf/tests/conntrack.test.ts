import assert from 'node:assert/strict';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConntrackState, ConntrackTime, Direction, EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

const { ingressEnforced, egressEnforced } = EndpointFlag;
const both = ingressEnforced | egressEnforced;

forFamilies('connections', TestNode.open, (ip, node) => {
  const request = (flags = 'S') => {
    const { a } = node();
    return node().from(a, ip.sent(a, 'b', tcp({ source: 40000, destination: 80, flags })));
  };
  const reply = (flags = 'SA') => {
    const { b } = node();
    return node().from(b, ip.sent(b, 'a', tcp({ source: 80, destination: 40000, flags })));
  };
  const map = () => (ip.family === 4 ? node().maps.conntrack4 : node().maps.conntrack6);
  const connection = (endpoint: number) => {
    const found = [...map().entries()].filter(([key]) => key.endpoint === endpoint);
    assert.equal(found.length, 1);
    return (found[0] as (typeof found)[number])[1];
  };
  const handshake = () => {
    assert.equal(request().verdict, 'redirect');
    assert.equal(reply().verdict, 'redirect');
    assert.equal(request('A').verdict, 'redirect');
  };
  const onlyClients = () => {
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress, protocol: 6, port: 80 }], both);
    node().enforce(node().b, [{ identity: identities.a, protocol: 6, port: 80 }], both);
  };

  it('a change of policy is in force on live connections, in both directions', () => {
    onlyClients();
    handshake();
    node().enforce(node().b, [], both, 2);
    assert.equal(request('A').reason, 'policyDenied');
    assert.equal(reply('A').reason, 'policyDenied', 'what was a reply does not become a request');
    node().enforce(node().b, [{ identity: identities.a, rule: 9 }], both, 3);
    assert.equal(request('A').verdict, 'redirect');
    assert.equal(reply('A').verdict, 'redirect');
    assert.equal(connection(12).rule, 9);
  });

  it('a reply is judged by the rule that its connection was opened under', () => {
    onlyClients();
    handshake();
    node().set(node().a, { flags: both, policyGeneration: 2 });
    node().set(node().b, { flags: both, policyGeneration: 2 });
    assert.equal(reply('A').verdict, 'redirect');
    assert.equal(connection(12).policyGeneration, 2);
    assert.equal(connection(11).policyGeneration, 2);
  });

  it('a peer that is somebody else by now is judged again', () => {
    onlyClients();
    handshake();
    node().set(node().a, { flags: both, identity: 4242 });
    assert.equal(request('A').reason, 'policyDenied');
    node().set(node().a, { flags: both });
    assert.equal(request('A').verdict, 'redirect');
    node().set(node().b, { flags: both, identity: 4242 });
    assert.equal(request('A').reason, 'policyDenied');
  });

  it('states: opening, established, half closed, closing', () => {
    const state = () => connection(11).state;
    request();
    assert.equal(state(), ConntrackState.opening);
    reply();
    assert.equal(state(), ConntrackState.established);
    request('FA');
    assert.equal(state(), ConntrackState.halfClosed);
    reply('A');
    assert.equal(state(), ConntrackState.halfClosed);
    reply('FA');
    assert.equal(state(), ConntrackState.closing);
  });

  it('a reset closes', () => {
    onlyClients();
    handshake();
    reply('R');
    assert.equal(connection(11).state, ConntrackState.closing);
    assert.equal(connection(12).state, ConntrackState.closing);
  });

  it('lives as long as its state says', () => {
    const ticks = (ns: bigint) => Number(BigInt.asUintN(32, ns >> BigInt(ConntrackTime.conntrackTickShift)));
    const about = (seconds: bigint) => {
      const left = (connection(11).expiresAt - ticks(process.hrtime.bigint())) | 0;
      const difference = Math.abs(left - ticks(seconds * 1_000_000_000n));
      assert.ok(difference < ticks(1_000_000_000n), `${left} ticks, not ${seconds} s`);
    };
    request();
    about(60n);
    reply();
    about(21600n);
    reply('R');
    about(10n);
  });

  it('an expired one is none', () => {
    onlyClients();
    node().configure({ tcpOpeningLifetime: 0n });
    assert.equal(request().verdict, 'redirect');
    assert.equal(reply('A').reason, 'policyDenied');
  });

  it('packets and bytes are counted for each direction, segments as they will be cut', () => {
    onlyClients();
    handshake();
    const { a } = node();
    const packet = ip.sent(a, 'b', tcp({ source: 40000, destination: 80, flags: 'A', data: Buffer.alloc(3000) }));
    node().run('from_pod', packet, { ifindex: a.ifindex, gsoSegments: 3, gsoSize: 1000 });
    const small = BigInt(ip.sent(a, 'b', tcp({ source: 40000, destination: 80 })).length);
    for (const endpoint of [11, 12]) {
      assert.deepEqual(connection(endpoint).packets, [5, 1]);
      assert.deepEqual(connection(endpoint).bytes, [2n * small + BigInt(packet.length), small]);
    }
  });

  it('a SYN opens a connection anew, and is judged', () => {
    onlyClients();
    handshake();
    const { rule } = connection(12);
    // The generation is the same: an established connection would not be asked about.
    node().policy(node().b.policyId, []);
    assert.equal(request('A').verdict, 'redirect');
    assert.equal(request('S').reason, 'policyDenied');
    assert.equal(connection(12).state, ConntrackState.established);
    assert.equal(connection(12).rule, rule);
  });

  it('a SYN against the direction of a connection is no reply', () => {
    onlyClients();
    handshake();
    assert.equal(reply('S').reason, 'policyDenied');
    assert.equal(connection(11).direction, Direction.egress);
  });

  it('half of a handshake opens nothing', () => {
    assert.equal(reply('SA').reason, 'unsolicitedReply');
    assert.deepEqual([...map().entries()], []);
  });

  it('what ends a connection opens none', () => {
    for (const flags of ['R', 'RA', 'FA']) assert.equal(request(flags).verdict, 'redirect');
    assert.deepEqual([...map().entries()], []);
  });

  it('a connection that was there before us is taken up, in the direction of its first packet', () => {
    onlyClients();
    assert.equal(reply('A').reason, 'policyDenied');
    assert.equal(request('A').verdict, 'redirect');
    assert.equal(reply('A').verdict, 'redirect');
  });

  it('UDP: answers pass, from the asked port only', () => {
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress, protocol: 17, port: 53 }], both);
    const { a, b } = node();
    const answer = (source: number, destination: number) =>
      node().from(b, ip.sent(b, 'a', udp({ source, destination })));
    assert.equal(answer(53, 5000).reason, 'policyDenied');
    assert.equal(node().from(a, ip.sent(a, 'b', udp({ source: 5000, destination: 53 }))).verdict, 'redirect');
    assert.equal(answer(53, 5000).verdict, 'redirect');
    assert.equal(answer(54, 5000).reason, 'policyDenied');
    assert.equal(answer(53, 5001).reason, 'policyDenied');
  });
});
