import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RawObject } from '../kube/index.ts';
import { ClusterPools, type ClusterPoolsOptions, podCidrOf } from '../network/ipam/index.ts';
import { PodCidrs } from './pod-cidrs.ts';
import { FakeApi, fault } from './testing/fake-api.ts';
import { silent } from './testing/rig.ts';

const path = (name: string) => `/apis/cilium.io/v2/ciliumnodes/${name}`;
const ipv4 = { cidrs: ['10.0.0.0/26'], maskSize: 28 };

class Rig {
  readonly api = new FakeApi();
  readonly writer: PodCidrs;
  #created = 0;

  constructor(pools: ClusterPoolsOptions = { ipv4 }, byDemand = false, api?: FakeApi) {
    if (api !== undefined) this.api = api;
    const client = this.api.client('operator');
    this.writer = new PodCidrs({
      // What was sent may arrive though it has been called off.
      client: { ...client, request: ({ signal: _, ...request }) => client.request(request) },
      pools: () => new ClusterPools(pools),
      byDemand,
      log: silent,
    });
  }
  node(name: string, podCIDRs?: readonly string[], status?: object): void {
    const uid = `uid-${name}-${++this.#created}`;
    const spec = podCIDRs === undefined ? {} : { ipam: { podCIDRs } };
    this.api.put(path(name), { metadata: { name, uid }, spec, ...(status === undefined ? {} : { status }) });
  }
  /** As its agent does. */
  report(name: string, statuses: Readonly<Record<string, string>>): void {
    const object = this.api.objects.get(path(name)) as RawObject;
    const status = object.status as { ipam?: object } | undefined;
    const cidrs = Object.fromEntries(Object.entries(statuses).map(([cidr, value]) => [cidr, { status: value }]));
    this.api.put(path(name), { ...object, status: { ...status, ipam: { ...status?.ipam, 'pod-cidrs': cidrs } } });
  }
  remove(name: string): Promise<unknown> {
    return this.api.client('admin').request({ method: 'DELETE', path: path(name) });
  }
  cidrsOf(name: string): readonly string[] {
    const spec = this.api.objects.get(path(name))?.spec as { ipam?: { podCIDRs?: readonly string[] } } | undefined;
    return spec?.ipam?.podCIDRs ?? [];
  }
  errorOf(name: string): string | undefined {
    const status = this.api.objects.get(path(name))?.status as
      | { ipam?: { 'operator-status'?: { error?: string } } }
      | undefined;
    return status?.ipam?.['operator-status']?.error;
  }
  writes(): string[] {
    return this.api.log.filter((line) => line.startsWith('PATCH'));
  }
  /** Until there is nothing on its way any more. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      for (let i = 0; i < 5; i++) await new Promise(setImmediate);
      await this.writer.idle();
    }
  }
}

describe('Pod CIDRs of nodes', () => {
  const rigs: Rig[] = [];
  const rigOf = (...args: ConstructorParameters<typeof Rig>): Rig => {
    const rig = new Rig(...args);
    rigs.push(rig);
    return rig;
  };
  afterEach(() => {
    for (const rig of rigs.splice(0)) rig.writer.stop();
  });

  it('are one of each family for each node, and stay', async () => {
    const rig = rigOf({ ipv4, ipv6: { cidrs: ['fd00::/112'], maskSize: 120 } });
    rig.node('a');
    rig.node('b', ['10.0.0.16/28']);
    rig.writer.start();
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('a'), ['10.0.0.0/28', 'fd00::/120']);
    assert.deepEqual(rig.cidrsOf('b'), ['10.0.0.16/28', 'fd00::100/120']);
    const before = rig.writes().length;
    rig.report('a', {});
    rig.node('c');
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('c'), ['10.0.0.32/28', 'fd00::200/120']);
    assert.equal(rig.writes().length, before + 1);
  });

  it('leave the other fields of the object alone', async () => {
    const rig = rigOf();
    rig.api.put(path('a'), {
      metadata: { name: 'a' },
      spec: { addresses: [{ ip: '192.0.2.1' }], ipam: { 'min-allocate': 3 } },
    });
    rig.writer.start();
    await rig.settle();
    assert.deepEqual(rig.api.objects.get(path('a'))?.spec, {
      addresses: [{ ip: '192.0.2.1' }],
      ipam: { 'min-allocate': 3, podCIDRs: ['10.0.0.0/28'] },
    });
  });

  it('run out with an error on the object, until a node goes', async () => {
    const rig = rigOf();
    for (const name of ['a', 'b', 'c', 'd', 'e']) rig.node(name);
    rig.writer.start();
    await rig.settle();
    const without = ['a', 'b', 'c', 'd', 'e'].filter((name) => rig.cidrsOf(name).length === 0);
    assert.equal(without.length, 1);
    const [hungry = ''] = without;
    assert.equal(rig.errorOf(hungry), 'the pools have no IPv4 Pod CIDR left');
    assert.equal(rig.writer.hungry, 1);
    const [freed] = rig.cidrsOf(hungry === 'a' ? 'b' : 'a');
    await rig.remove(hungry === 'a' ? 'b' : 'a');
    await rig.settle();
    assert.deepEqual(rig.cidrsOf(hungry), [freed]);
    assert.equal(rig.errorOf(hungry), undefined);
    assert.equal(rig.writer.hungry, 0);
  });

  it('that two nodes claim are named on both, and given to no third', async () => {
    const rig = rigOf();
    rig.node('a', ['10.0.0.0/28']);
    rig.node('b', ['10.0.0.0/27', 'nonsense']);
    rig.node('c');
    rig.writer.start();
    await rig.settle();
    assert.equal(
      rig.errorOf('a'),
      'spec.ipam.podCIDRs: 10.0.0.0/28 overlaps with 10.0.0.0/27, which belongs to node b',
    );
    assert.match(rig.errorOf('b') ?? '', /"nonsense" is no network/);
    assert.match(rig.errorOf('b') ?? '', /overlaps with 10\.0\.0\.0\/28, which belongs to node a/);
    assert.deepEqual(rig.cidrsOf('c'), ['10.0.0.32/28']);
  });

  it('are added by demand when all are depleted, and go to others once given back', async () => {
    const rig = rigOf({ ipv4 }, true);
    rig.node('a', ['10.0.0.0/28']);
    rig.writer.start();
    rig.report('a', { '10.0.0.0/28': 'depleted' });
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('a'), ['10.0.0.0/28', '10.0.0.16/28']);
    // Not another one before it has said what it does with this one.
    rig.report('a', { '10.0.0.0/28': 'depleted' });
    await rig.settle();
    assert.equal(rig.cidrsOf('a').length, 2);
    rig.report('a', { '10.0.0.0/28': 'depleted', '10.0.0.16/28': 'depleted' });
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('a'), ['10.0.0.0/28', '10.0.0.16/28', '10.0.0.32/28']);
    rig.report('a', { '10.0.0.0/28': 'in-use', '10.0.0.16/28': 'released', '10.0.0.32/28': 'in-use' });
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('a'), ['10.0.0.0/28', '10.0.0.32/28']);
    for (const name of ['b', 'c', 'd']) rig.node(name);
    await rig.settle();
    const given = ['b', 'c', 'd'].map((name) => rig.cidrsOf(name)[0]);
    assert.deepEqual(new Set(given), new Set(['10.0.0.48/28', '10.0.0.16/28', undefined]));
  });

  it('do not go back to the node that gave them back before it has noticed', async () => {
    const rig = rigOf({ ipv4: { cidrs: ['10.0.0.0/27'], maskSize: 28 } }, true);
    rig.node('a', ['10.0.0.0/28', '10.0.0.16/28']);
    rig.writer.start();
    rig.report('a', { '10.0.0.0/28': 'depleted', '10.0.0.16/28': 'released' });
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('a'), ['10.0.0.0/28']);
    assert.equal(rig.errorOf('a'), 'the pools have no IPv4 Pod CIDR left');
    rig.report('a', { '10.0.0.0/28': 'depleted' });
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('a'), ['10.0.0.0/28', '10.0.0.16/28']);
  });

  it('that were taken from a node stay its own while it says that it uses them', async () => {
    const rig = rigOf({ ipv4: { cidrs: ['10.0.0.0/27'], maskSize: 28 } }, true);
    rig.node('a', ['10.0.0.0/28'], { ipam: { 'pod-cidrs': { '10.0.0.16/28': { status: 'in-use' } } } });
    rig.node('b');
    rig.writer.start();
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('b'), []);
    rig.report('a', { '10.0.0.0/28': 'in-use' });
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('b'), ['10.0.0.16/28']);
  });

  it('are nobody else’s when the answer to a write is lost, or a leader ends amid it', async () => {
    const rig = rigOf({ ipv4 });
    rig.api.after = ({ method }) => {
      if (method === 'PATCH') throw fault(500, 'InternalError');
    };
    for (const name of ['a', 'b', 'c']) rig.node(name);
    rig.writer.start();
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    rig.writer.stop();
    rig.api.after = () => {};
    const next = rigOf({ ipv4 }, false, rig.api);
    next.writer.start();
    await next.settle();
    const all = ['a', 'b', 'c'].flatMap((name) => rig.cidrsOf(name));
    assert.equal(all.length, 3);
    assert.equal(new Set(all).size, 3);
  });

  it('are chosen once for a node, however often the write fails', async () => {
    const rig = rigOf({ ipv4: { cidrs: ['10.0.0.0/28'], maskSize: 28 } });
    let failures = 2;
    rig.api.before = ({ method }) => {
      if (method === 'PATCH' && failures-- > 0) throw fault(500, 'InternalError');
    };
    rig.writer.start();
    await rig.settle();
    rig.node('a');
    await rig.settle();
    assert.deepEqual(rig.cidrsOf('a'), ['10.0.0.0/28']);
    // Three times the same, and never a word of empty pools.
    assert.deepEqual(rig.writes(), Array(3).fill(`PATCH ${path('a')}`));
  });

  it('that were chosen are kept for the node while the write waits for its next try', async () => {
    const rig = rigOf({ ipv4: { cidrs: ['10.0.0.0/28'], maskSize: 28 } });
    rig.api.before = ({ method }) => {
      if (method === 'PATCH') throw fault(500, 'InternalError');
    };
    rig.node('a');
    rig.writer.start();
    while (rig.writes().length === 0) await new Promise(setImmediate);
    rig.api.before = () => {};
    rig.report('a', {});
    rig.node('b');
    await rig.settle();
    assert.deepEqual([rig.cidrsOf('a'), rig.cidrsOf('b')], [['10.0.0.0/28'], []]);
  });

  it('are not what a leader wrote whose time is over, where its write comes late', async () => {
    const rig = rigOf({ ipv4 }, true);
    rig.node('a', ['10.0.0.0/28']);
    rig.report('a', { '10.0.0.0/28': 'depleted' });
    let arrive = () => {};
    rig.api.before = ({ method }) =>
      method === 'PATCH' ? new Promise<void>((resolve) => (arrive = resolve)) : undefined;
    rig.writer.start();
    while (rig.writes().length === 0) await new Promise(setImmediate);
    rig.writer.stop();
    rig.api.before = () => {};
    rig.report('a', { '10.0.0.0/28': 'in-use' });
    rig.node('b');
    const next = rigOf({ ipv4 }, true, rig.api);
    next.writer.start();
    await next.settle();
    arrive();
    await next.settle();
    assert.deepEqual([rig.cidrsOf('a'), rig.cidrsOf('b')], [['10.0.0.0/28'], ['10.0.0.16/28']]);
  });

  it('wait for what a leader before may have sent, and is under way still', async () => {
    const rig = rigOf({ ipv4 }, true);
    rig.node('a', ['10.0.0.0/28']);
    rig.report('a', { '10.0.0.0/28': 'depleted' });
    let arrive = () => {};
    rig.api.before = ({ method }) =>
      method === 'PATCH' ? new Promise<void>((resolve) => (arrive = resolve)) : undefined;
    rig.writer.start();
    // The first is to void what a leader before this one has sent.
    while (rig.writes().length === 0) await new Promise(setImmediate);
    arrive();
    while (rig.writes().length === 1) await new Promise(setImmediate);
    rig.writer.stop();
    rig.api.before = () => {};
    rig.node('b');
    const next = rigOf({ ipv4 }, true, rig.api);
    next.writer.start();
    await next.settle();
    arrive();
    await next.settle();
    const all = [...rig.cidrsOf('a'), ...rig.cidrsOf('b')];
    assert.equal(all.length, 3);
    assert.equal(new Set(all).size, 3);
  });

  it('overlap at no time, whatever nodes report and the API server does', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const name = fc.constantFrom(...names);
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant('report' as const),
          name,
          choice: fc.array(fc.nat({ max: 2 }), { maxLength: 5 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), name }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('lead' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), before: fc.boolean() }) },
      // Writes take so many turns of the event loop to arrive.
      { weight: 2, arbitrary: fc.record({ do: fc.constant('slow' as const), turns: fc.nat({ max: 12 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, isScarce) => {
        const pools = { ipv4: { cidrs: ['10.0.0.0/26'], maskSize: isScarce ? 28 : 29 } };
        let rig = new Rig(pools, true);
        const { api } = rig;
        // An agent gives out of what it has: what it has given back it gives out no more.
        const givenBack = new Map<string, Set<string>>();
        const check = () => {
          const owners = new Map<string, string>();
          for (const each of names)
            for (const text of rig.cidrsOf(each)) {
              if (givenBack.get(each)?.has(text)) continue;
              assert.equal(owners.get(text), undefined, `${text} is of ${each} and of ${owners.get(text)}`);
              owners.set(text, each);
            }
        };
        let failures = 0;
        let failsBefore = true;
        let turns = 0;
        const fail = (method: string) => {
          if (method === 'PATCH' && failures > 0) {
            failures--;
            throw fault(500, 'InternalError');
          }
        };
        api.before = async ({ method }) => {
          if (method === 'PATCH') for (let i = turns; i > 0; i--) await new Promise(setImmediate);
          if (failsBefore) fail(method);
        };
        api.after = ({ method }) => {
          if (!failsBefore) fail(method);
        };
        try {
          rig.writer.start();
          for (const one of steps) {
            if (one.do === 'add' && !api.objects.has(path(one.name))) {
              givenBack.delete(one.name);
              rig.node(one.name);
            } else if (one.do === 'remove' && api.objects.has(path(one.name))) {
              await rig.remove(one.name);
            } else if (one.do === 'report' && api.objects.has(path(one.name))) {
              const back = givenBack.get(one.name) ?? new Set<string>();
              const listed = rig.cidrsOf(one.name);
              for (const text of [...back]) if (!listed.includes(text)) back.delete(text);
              const statuses = Object.fromEntries(
                listed.map((text, i) => {
                  const status = ['in-use', 'depleted', 'released'][one.choice[i] ?? 0] ?? '';
                  if (status === 'released') back.add(text);
                  return [text, back.has(text) ? 'released' : status];
                }),
              );
              givenBack.set(one.name, back);
              rig.report(one.name, statuses);
            } else if (one.do === 'lead') {
              rig.writer.stop();
              rig = new Rig(pools, true, api);
              rig.writer.start();
            } else if (one.do === 'fail') {
              failures = 2;
              failsBefore = one.before;
            } else if (one.do === 'slow') {
              turns = one.turns;
            } else if (one.do === 'settle') for (let i = 0; i < 8; i++) await new Promise(setImmediate);
            await new Promise(setImmediate);
            check();
          }
          failures = 0;
          turns = 0;
          for (let i = 0; i < 20; i++) await new Promise(setImmediate);
          await rig.settle();
          check();
          for (const each of names)
            if (api.objects.has(path(each)) && !isScarce)
              assert.ok(
                rig.cidrsOf(each).some((text) => podCidrOf(text) !== undefined),
                `${each} has none`,
              );
        } finally {
          rig.writer.stop();
        }
      }),
      { numRuns: 200 },
    );
  }).timeout(60_000);
});
