import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DropReason, EventFlag, EventPoint, EventType, EventVerdict, event, SourceFile } from '../gen/abi.ts';
import { decodeFlow } from './decode-flow.ts';
import { dropReason, dropReasons } from './drop-reasons.ts';
import type { Flow, MonitorEvent } from './flow.ts';
import { type FlowFilterSpec, flowFilter } from './flow-filter.ts';
import { FlowHub } from './flow-hub.ts';
import { MonotonicClock } from './monotonic-clock.ts';
import { pointNames } from './names.ts';
import { addressBytes, context, record } from './testing/records.ts';

function decoded(over: Parameters<typeof record>[0] = {}): Flow {
  const flow = decodeFlow(record(over), 0, context, new MonotonicClock());
  assert.ok(flow);
  return flow;
}

function filter(spec: FlowFilterSpec) {
  const made = flowFilter(spec);
  if (typeof made === 'string') throw new Error(made);
  return made;
}

describe('drop reasons', () => {
  it('each have a name and a sentence of their own', () => {
    const numbers = Object.values(DropReason).filter((number) => number !== 0);
    assert.deepEqual(Object.keys(dropReasons).map(Number).sort(), [...numbers].sort());
    const all = Object.values(dropReasons);
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    for (const { name, explanation } of all) {
      assert.match(name, /^\p{Lu}/u);
      assert.match(explanation, /^\p{Lu}.{20,}\.$/u, name);
    }
    assert.match(dropReason(99).name, /99/);
  });
});

describe('flows', () => {
  it('have the names of what events number', () => {
    const flow = decoded();
    assert.deepEqual(flow.source, {
      address: '10.0.0.17',
      port: 40_000,
      identity: 300,
      labels: ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'],
      pod: { namespace: 'shop', name: 'web-1' },
      endpoint: 17,
    });
    assert.equal(flow.type, 'policy-verdict');
    assert.equal(flow.direction, 'ingress');
    assert.equal(flow.point, 'to-endpoint');
    assert.equal(flow.tcpFlags, 'SYN');
    assert.equal(flow.connection, 'new');
    assert.deepEqual(flow.policy, { match: 'L3-L4', rule: 'shop/cart ingress[0].toPorts[0]', enforced: true });
    assert.equal(flow.interface, 'slu00000000011');
    assert.ok(Math.abs(flow.time - Date.now()) < 60_000);
  });

  it('say why a packet was dropped, where, and who wants it so', () => {
    const denied = decoded({
      type: EventType.drop,
      verdict: EventVerdict.dropped,
      reason: DropReason.policyDenied,
      rule: 0,
      matchPrefixlen: 0,
      location: (SourceFile.policy << 16) | 123,
    });
    assert.equal(denied.drop?.name, 'Policy denied');
    assert.equal(denied.drop?.location, 'policy:123');
    assert.deepEqual(denied.policy, { match: 'none', defaultDenyBy: ['shop/cart ingress'], enforced: true });
    assert.equal(denied.connection, undefined);
    const byRule = decoded({ type: EventType.drop, verdict: EventVerdict.dropped, reason: DropReason.policyDenyRule });
    assert.equal(byRule.policy.rule, 'shop/cart ingress[0].toPorts[0]');
    assert.equal(byRule.policy.defaultDenyBy, undefined);
  });

  it('have addresses of both families, ICMP types, flags of events', () => {
    const six = decoded({
      family: 6,
      protocol: 58,
      icmpType: 128,
      source: addressBytes('fd00::11'),
      destination: addressBytes('2001:db8::1'),
      flags: EventFlag.reply | EventFlag.rejudged | EventFlag.notEnforced,
    });
    assert.equal(six.source.address, 'fd00::11');
    assert.equal(six.source.pod?.name, 'web-1');
    assert.equal(six.destination.address, '2001:db8::1');
    assert.equal(six.destination.port, undefined);
    assert.deepEqual(six.icmp, { type: 128, code: 0 });
    assert.equal(six.connection, 'reply');
    assert.equal(six.rejudged, true);
    assert.equal(six.policy.enforced, false);
    assert.equal(decoded({ family: 0, protocol: 0 }).source.address, '');
  });

  it('tell what the deciding entry was for', () => {
    const match = (matchPrefixlen: number, matchIdentity: number) =>
      decoded({ matchPrefixlen, matchIdentity }).policy.match;
    assert.deepEqual(
      [match(0, 0), match(40, 1), match(40, 0), match(48, 1), match(61, 0)],
      ['none', 'L3-only', 'all', 'L3-L4', 'L4-only'],
    );
  });

  it('name every place that events have', () => {
    assert.deepEqual(
      Object.values(EventPoint).filter((point) => !/^(to|from)-[a-z]+$/.test(pointNames[point] ?? '')),
      [],
    );
  });

  it('come of any bytes, or none does, without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: event.size, maxLength: event.size }), (bytes) => {
        const flow = decodeFlow(
          new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
          0,
          context,
          new MonotonicClock(),
        );
        if (flow !== undefined) JSON.stringify(flow);
      }),
    );
  });
});

describe('filters of flows', () => {
  const drop = { type: EventType.drop, verdict: EventVerdict.dropped, reason: DropReason.policyDenied } as const;
  const passes = (spec: FlowFilterSpec, over: Parameters<typeof record>[0] = {}) => {
    const { raw, matches } = filter(spec);
    return raw(record(over), 0) && matches(decoded(over));
  };

  it('select by each key, any of its values, all of the keys', () => {
    const cases: [FlowFilterSpec, boolean][] = [
      [{}, true],
      [{ type: ['policy-verdict', 'drop'] }, true],
      [{ type: ['drop'] }, false],
      [{ verdict: ['forwarded'] }, true],
      [{ verdict: ['dropped', 'audit'] }, false],
      [{ from: ['17'] }, true],
      [{ from: ['18'] }, false],
      [{ to: ['18'], from: ['shop/web-1'] }, true],
      [{ to: ['18'], from: ['shop/web-2'] }, false],
      [{ related: ['shop/'] }, true],
      [{ related: ['other/'] }, false],
      [{ from: ['10.0.0.0/24'] }, true],
      [{ from: ['10.0.0.18'] }, false],
      [{ related: ['10.0.0.18'] }, true],
      [{ to: ['identity:301'] }, true],
      [{ to: ['identity:300'] }, false],
      [{ from: ['k8s:app=web'] }, true],
      [{ from: ['app=web'] }, true],
      [{ from: ['k8s:app'] }, true],
      [{ from: ['k8s:ap'] }, false],
      [{ from: ['reserved:app=web'] }, false],
      [{ protocol: ['tcp'] }, true],
      [{ protocol: ['UDP'] }, false],
      [{ protocol: ['17', '6'] }, true],
      [{ port: ['80'] }, true],
      [{ port: ['81', '82'] }, false],
    ];
    for (const [spec, expected] of cases) assert.equal(passes(spec), expected, JSON.stringify(spec));
    assert.equal(passes({ type: ['drop'], verdict: ['dropped'] }, drop), true);
  });

  it('refuse what they can’t mean, and say what they could', () => {
    for (const [spec, text] of [
      [{ type: ['l7'] }, /agent, drop, policy-verdict, trace/],
      [{ verdict: ['no'] }, /forwarded, dropped, audit, redirected/],
      [{ from: ['?'] }, /shop\/web-1/],
      [{ port: ['70000'] }, /65535/],
      [{ port: ['http'] }, /65535/],
      [{ port: [''] }, /65535/],
      [{ protocol: ['tpc'] }, /tpc is no protocol; there are ICMP, /],
      [{ protocol: ['256'] }, /no protocol/],
    ] as const) {
      const wrong = flowFilter(spec);
      assert.ok(typeof wrong === 'string');
      assert.match(wrong, text);
    }
  });

  it('always let through what was lost, and agent events only where nothing is asked of flows', () => {
    const lost: MonitorEvent = { kind: 'lost', time: 0, count: 1, where: 'reader' };
    const agent: MonitorEvent = { kind: 'agent', time: 0, event: 'started', message: '' };
    assert.equal(filter({ type: ['drop'] }).matches(lost), true);
    assert.equal(filter({}).matches(agent), true);
    assert.equal(filter({ type: ['agent'] }).matches(agent), true);
    assert.equal(filter({ type: ['agent'] }).raw(record(), 0), false);
    assert.equal(filter({ type: ['drop'] }).matches(agent), false);
    assert.equal(filter({ from: ['17'] }).matches(agent), false);
  });
});

describe('the hub of flows', () => {
  const seen = (hub: FlowHub, spec: FlowFilterSpec = {}, count = 10) =>
    hub.last(count, filter(spec)).map(({ length }) => length);

  it('keeps the last flows, drops apart from the others, in order of time', () => {
    const hub = new FlowHub(context);
    let time = 1n;
    const add = (length: number, drop = false) =>
      hub.receive(
        record({
          time: time++,
          length,
          ...(drop ? { type: EventType.drop, verdict: EventVerdict.dropped, reason: DropReason.policyDenied } : {}),
        }),
      );
    add(1, true);
    for (let i = 0; i < 6000; i++) add(1000 + i);
    add(2, true);
    assert.deepEqual(seen(hub, { type: ['drop'] }), [1, 2]);
    assert.deepEqual(seen(hub, {}, 3), [6998, 6999, 2]);
    assert.equal(seen(hub, {}, 10_000).length, 4096 + 2);
    assert.deepEqual(hub.counters, { seen: 6002, lost: 0, unknown: 0 });
  });

  it('gives readers what they asked for, from then on until they go', async () => {
    const hub = new FlowHub(context);
    hub.receive(record({ length: 1 }));
    const gone = new AbortController();
    const reader = hub.follow(filter({ to: ['18'] }), gone.signal);
    hub.receive(record({ length: 2 }));
    hub.receive(record({ length: 3, destination: addressBytes('10.9.9.9') }));
    hub.agent('policy-updated', 'revision 8');
    hub.missed(5);
    const { value } = await reader.next();
    assert.deepEqual(
      (value as MonitorEvent[]).map((one) => (one.kind === 'flow' ? one.length : one.kind)),
      [2, 'lost'],
    );
    gone.abort();
    hub.receive(record());
    assert.deepEqual(await reader.next(), { value: undefined, done: true });
    assert.deepEqual(hub.counters, { seen: 4, lost: 5, unknown: 0 });
  });

  it('says when the first reader comes that follows, and when the last one has gone', () => {
    const hub = new FlowHub(context);
    const said: boolean[] = [];
    hub.whileFollowed((isFollowed) => said.push(isFollowed));
    const [one, two] = [new AbortController(), new AbortController()];
    for (const { signal } of [one, two]) hub.follow(filter({}), signal);
    assert.deepEqual(said, [false, true]);
    one.abort();
    one.abort();
    assert.deepEqual(said, [false, true]);
    two.abort();
    hub.follow(filter({}), AbortSignal.abort());
    assert.deepEqual(said, [false, true, false, true, false]);
  });

  it('tells a reader who is too slow exactly how much it missed, and does not wait for it', async () => {
    const hub = new FlowHub(context);
    const gone = new AbortController();
    const reader = hub.follow(filter({}), gone.signal);
    for (let i = 0; i < 8192 + 7; i++) hub.receive(record());
    const { value } = await reader.next();
    const batch = value as MonitorEvent[];
    assert.equal(batch.length, 8193);
    const last = batch.at(-1);
    assert.ok(last?.kind === 'lost');
    assert.deepEqual([last.count, last.where], [7, 'reader']);
    gone.abort();
  });

  it('counts records that it does not know, and reads the next', () => {
    const hub = new FlowHub(context);
    hub.receive(record({ type: 77 }));
    hub.receive(new DataView(new ArrayBuffer(8)));
    hub.receive(record({ length: 9 }));
    assert.deepEqual(seen(hub), [9]);
    assert.deepEqual(hub.counters, { seen: 3, lost: 0, unknown: 2 });
  });
});
