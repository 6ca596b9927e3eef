import assert from 'node:assert/strict';
import { tcp } from '../../src/datapath/testing/transport.ts';
import {
  ConfigFlag,
  Direction,
  DropReason,
  EndpointFlag,
  type Event,
  EventFlag,
  EventPoint,
  EventType,
  EventVerdict,
  SourceFile,
  TraceReason,
} from '../../src/gen/abi.ts';
import { address } from './support/addresses.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

forFamilies('events', TestNode.open, (ip, node) => {
  const request = (flags = 'S', destination = 80) => {
    const { a } = node();
    return node().from(a, ip.sent(a, 'b', tcp({ source: 40000, destination, flags }))).events;
  };
  const reply = (flags: string, source = 80) => {
    const { b } = node();
    return node().from(b, ip.sent(b, 'a', tcp({ source, destination: 40000, flags }))).events;
  };
  const brief = (events: readonly Event[]) =>
    events.map(({ type, reason, endpoint, rule }) => [type, reason, endpoint, rule]);
  const { trace, policyVerdict, drop } = EventType;

  it('a new connection: one verdict for each policy, with the rule, and no more', () => {
    node().enforce(
      node().a,
      [{ identity: identities.b, direction: Direction.egress, rule: 6 }],
      EndpointFlag.egressEnforced,
    );
    node().enforce(node().b, [{ identity: identities.a, protocol: 6, port: 80, rule: 7 }]);
    const [egress, ingress, ...more] = request();
    assert.deepEqual(more, []);
    assert.ok(egress && ingress);
    const common = {
      type: policyVerdict,
      point: EventPoint.toEndpoint,
      reason: TraceReason.new,
      verdict: EventVerdict.forwarded,
      family: ip.family,
      protocol: 6,
      tcpFlags: 2,
      sourceIdentity: identities.a,
      destinationIdentity: identities.b,
      sourcePort: 40000,
      destinationPort: 80,
      ifindex: node().a.ifindex,
      targetIfindex: node().b.ifindex,
      length: ip.sent(node().a, 'b', tcp({ source: 1, destination: 2 })).length,
      location: 0,
      proxyPort: 0,
    };
    const of = (event: Event, fields: Partial<Event>) => assert.deepEqual({ ...event, ...common, ...fields }, event);
    of(egress, { direction: Direction.egress, endpoint: 11, rule: 6, matchPrefixlen: 40, matchIdentity: 1, flags: 0 });
    of(ingress, {
      direction: Direction.ingress,
      endpoint: 12,
      rule: 7,
      matchPrefixlen: 64,
      matchIdentity: 1,
      flags: 0,
    });
    assert.deepEqual(Buffer.from(ingress.source.bytes), Buffer.from(address(node().a[`ipv${ip.family}`]).bytes));
    assert.deepEqual(Buffer.from(ingress.destination.bytes), Buffer.from(address(node().b[`ipv${ip.family}`]).bytes));
    assert.deepEqual(Buffer.from(egress.sourceMac), Buffer.from(node().a.mac));
    const age = process.hrtime.bigint() - ingress.time;
    assert.ok(age >= 0n && age < 5_000_000_000n, `${age} ns ago`);
  });

  it('where no rule is asked of the sender, the receiver’s verdict says it all; to elsewhere the sender’s', () => {
    assert.deepEqual(brief(request()), [[policyVerdict, TraceReason.new, 12, 0]]);
    const syn = ip.sent(node().a, 'remote', tcp({ source: 40000, destination: 80 }));
    assert.deepEqual(brief(node().from(node().a, syn).events), [[policyVerdict, TraceReason.new, 11, 0]]);
  });

  it('without traces a new connection is told of where a rule was asked', () => {
    node().disable(ConfigFlag.traceEvents);
    assert.deepEqual(request(), []);
    node().enforce(node().b, [{ identity: identities.a, protocol: 6, port: 81, rule: 7 }]);
    assert.deepEqual(brief(request('S', 81)), [[policyVerdict, TraceReason.new, 12, 7]]);
    assert.deepEqual(reply('FA', 81), []);
  });

  it('a drop names reason, place and rule', () => {
    node().enforce(node().b, [{ identity: 0, protocol: 6, port: 80, rule: 7, verdict: 2 }]);
    const [dropped] = request();
    assert.equal(dropped?.type, drop);
    assert.equal(dropped?.verdict, EventVerdict.dropped);
    assert.equal(dropped?.reason, DropReason.policyDenyRule);
    assert.equal(dropped?.rule, 7);
    assert.equal(dropped?.matchIdentity, 0);
    assert.equal(dropped?.matchPrefixlen, 64);
    assert.equal((dropped?.location ?? 0) >>> 16, SourceFile.enforce);
  });

  it('traces: flags seen for the first time, then nothing for as long as the interval says', () => {
    request();
    assert.deepEqual(brief(reply('SA')), [[trace, TraceReason.reply, 11, 0]]);
    assert.deepEqual(brief(request('A')), []);
    assert.deepEqual(brief(reply('A')), []);
    assert.deepEqual(brief(request('FA')), [[trace, TraceReason.established, 12, 0]]);
    assert.deepEqual(brief(request('FA')), []);
    node().configure({ traceInterval: 0n });
    assert.deepEqual(brief(request('A')), [[trace, TraceReason.established, 12, 0]]);
    assert.deepEqual(brief(reply('A')), [[trace, TraceReason.reply, 11, 0]]);
    node().configure({ traceTcpFlags: 0, traceInterval: 1n << 40n });
    assert.deepEqual(brief(reply('FA')), []);
  });

  it('a trace of a connection still has its rule and identities', () => {
    node().enforce(node().b, [{ identity: identities.remote, rule: 7 }]);
    node().received(ip.arriving('remote', 'b', tcp({ source: 40000, destination: 80 })));
    const answer = ip.sent(node().b, 'remote', tcp({ source: 80, destination: 40000, flags: 'SA' }));
    const [event] = node().from(node().b, answer).events;
    assert.equal(event?.type, trace);
    assert.equal(event?.rule, 7);
    assert.equal(event?.sourceIdentity, identities.b);
    assert.equal(event?.destinationIdentity, identities.remote);
    assert.equal(event?.flags, EventFlag.reply);
  });

  it('audit mode tells of what it lets through', () => {
    node().policy(node().b.policyId, []);
    node().set(node().b, { flags: EndpointFlag.ingressEnforced | EndpointFlag.audit });
    assert.deepEqual(
      request().map(({ verdict }) => verdict),
      [EventVerdict.audit],
    );
    assert.equal(request('FA')[0]?.verdict, EventVerdict.audit, 'and goes on doing so');
  });

  it('a connection that is judged again tells if another rule has it now', () => {
    node().enforce(node().b, [{ identity: identities.a, rule: 7 }]);
    request();
    node().enforce(node().b, [{ identity: identities.a, rule: 7 }], 1, 2);
    assert.deepEqual(request('A'), []);
    node().enforce(node().b, [{ identity: identities.a, rule: 8 }], 1, 3);
    const [event] = request('A');
    assert.equal(event?.type, policyVerdict);
    assert.equal(event?.rule, 8);
    assert.equal(event?.flags, EventFlag.rejudged);
  });

  it('an error on the way is traced as related', () => {
    const syn = tcp({ source: 40000, destination: 80 });
    node().from(node().a, ip.sent(node().a, 'remote', syn));
    const [event] = node().received(ip.arriving('node', 'a', ip.error(ip.packet('a', 'remote', syn)))).events;
    assert.equal(event?.type, trace);
    assert.equal(event?.reason, TraceReason.related);
    assert.equal(event?.icmpType, ip.unreachable.type);
    assert.equal(event?.icmpCode, ip.unreachable.code);
  });

  it('verdicts and traces can be switched off; drops cannot', () => {
    node().disable(ConfigFlag.verdictEvents, ConfigFlag.traceEvents);
    assert.deepEqual(request(), []);
    assert.deepEqual(reply('SA'), []);
    node().enforce(node().b, [], 1, 2);
    assert.deepEqual(brief(request('S', 81)), [[drop, DropReason.policyDenied, 12, 0]]);
  });

  it('metrics count what is forwarded and dropped, for each direction', () => {
    const metric = (reason: number, direction: number) =>
      node().maps.metrics.get(reason * 2 + direction) ?? { packets: 0n, bytes: 0n };
    const all = () => [metric(0, 1), metric(0, 0), metric(DropReason.policyDenied, 0)];
    const before = all();
    request();
    node().enforce(node().b, [], 1, 2);
    request('A');
    const size = BigInt(ip.sent(node().a, 'b', tcp({ source: 1, destination: 2 })).length);
    assert.deepEqual(
      all().map(({ packets, bytes }, index) => [
        packets - (before[index]?.packets ?? 0n),
        bytes - (before[index]?.bytes ?? 0n),
      ]),
      [
        [2n, 2n * size],
        [1n, size],
        [1n, size],
      ],
    );
  });

  it('what finds no room is counted, exactly', () => {
    const { a } = node();
    node().enforce(node().b, []);
    node().disable(ConfigFlag.verdictEvents, ConfigFlag.traceEvents);
    const lost = () => node().maps.lostEvents.get(drop) ?? 0n;
    const before = lost();
    const packets = 20_000;
    const packet = ip.sent(a, 'b', tcp({ source: 40000, destination: 80 }));
    // All at once: nobody reads meanwhile.
    const { events } = node().runner.run('from_pod', packet, { ifindex: a.ifindex }, packets);
    assert.ok(events.length < packets);
    assert.equal(lost() - before, BigInt(packets - events.length));
  });
});
