import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Bpf, Kernel } from '../../datapath/index.ts';
import {
  contents,
  dangling,
  endpoint,
  openTestKernel,
  policy,
  reached,
  rebuilt,
  TestMaps,
  Told,
  take,
  World,
  worldStep,
} from './testing/kernel-world.ts';
import { Crash, WatchedBpf } from './testing/watched-bpf.ts';

describe('what the kernel is told by a process that starts', () => {
  let bpf: Bpf;
  let kernel: Kernel;
  const maps = new TestMaps();

  before(async () => {
    ({ kernel, bpf } = await openTestKernel());
  });
  const clear = () => maps[Symbol.dispose]();
  afterEach(clear);

  it('is right after an end anywhere, and whatever an entry points at is there at each single write', () => {
    const points = fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc
        .property(fc.array(worldStep, { minLength: 3, maxLength: 12 }), points, (steps, ends) => {
          const { directory } = maps.open(bpf, kernel);
          let told = new Told();
          const left = [...steps];
          // The step at which a process ends is told to the next one, as objects and records outlive it.
          for (const end of [...ends, Number.POSITIVE_INFINITY]) {
            const watched = new WatchedBpf(bpf);
            const own = maps.open(watched.bpf, kernel, {}, directory);
            watched.left = end;
            watched.onWrite = () => assert.deepEqual(dangling(own), []);
            try {
              const world = new World(own, told);
              told = world.told;
              while (left.length > 0) take(world, left.shift()!);
            } catch (error) {
              if (!(error instanceof Crash)) throw error;
            }
          }
          const own = maps.open(bpf, kernel, {}, directory);
          const found = contents(own, new World(own, told));
          assert.deepEqual(found.unused, []);
          assert.deepEqual(found, rebuilt(maps, bpf, kernel, told));
        })
        .afterEach(clear),
      { numRuns: 40 },
    );
  });

  it('lets nothing pass at any single write of a restart that neither the old policies let pass nor the new ones, and what both do always', () => {
    const rule = fc.option(fc.record({ group: fc.nat({ max: 2 }), deny: fc.boolean() }), { nil: undefined });
    const rules = fc.tuple(rule, rule);
    fc.assert(
      fc
        .property(rules, rules, fc.boolean(), (old, now, split) => {
          const { directory } = maps.open(bpf, kernel);
          const told = new Told();
          const say = (of: typeof old) => {
            told.policies.clear();
            for (const [app, one] of of.entries())
              if (one !== undefined) told.policies.set(app, policy(app, one.group, one.deny));
          };
          for (const number of [1, 2, 3])
            told.endpoints.set(1000 + number, endpoint(number, number % 2, 400 + (number % 2)));
          say(old);
          const first = maps.open(bpf, kernel, {}, directory);
          new World(first, told);
          const before = reached(first);
          say(now);
          // One of two that shared a policy has another one now.
          if (split) told.endpoints.set(1003, endpoint(3, 0, 400));
          const fresh = maps.open(bpf, kernel);
          new World(fresh, told);
          const after = reached(fresh);
          const watched = new WatchedBpf(bpf);
          const own = maps.open(watched.bpf, kernel, {}, directory);
          const both = before.intersection(after);
          watched.onWrite = () => {
            const during = reached(own);
            assert.deepEqual([...during.difference(before.union(after))], [], 'passes, and nobody lets it');
            assert.deepEqual([...both.difference(during)], [], 'is dropped, and both let it pass');
          };
          new World(own, told);
          assert.deepEqual(reached(own), after);
        })
        .afterEach(clear),
      { numRuns: 40 },
    );
  });

  it('is written by a process that starts only where it differs, and what policies have counted goes on', () => {
    const { directory } = maps.open(bpf, kernel);
    const told = new Told();
    for (const number of [1, 2, 3]) told.endpoints.set(1000 + number, endpoint(number, number % 2, 400 + (number % 2)));
    for (const app of [0, 1]) told.policies.set(app, policy(app, app));
    const first = maps.open(bpf, kernel, {}, directory);
    new World(first, told);
    const id = first.endpoints.get(1001)!.policyId;
    const counted = first.policies.get(id)!;
    const [key, value] = [...counted.entries()][0]!;
    counted.set(key, { ...value, packets: 7n });

    const watched = new WatchedBpf(bpf);
    const second = maps.open(watched.bpf, kernel, {}, directory);
    const world = new World(second, told);
    assert.deepEqual(second.endpoints.get(1001)!.policyId, id);
    assert.equal(second.policies.get(id)!.get(key)!.packets, 7n);
    // Of each of the three endpoints, its policy's generation, which is a new one.
    assert.equal(watched.written, 3);
    assert.deepEqual(contents(second, world), rebuilt(maps, bpf, kernel, told));
    // Where endpoints of one policy have several now, they get maps of their own.
    told.endpoints.set(1003, endpoint(3, 2, 402));
    const third = maps.open(bpf, kernel, {}, directory);
    const again = new World(third, told);
    assert.notEqual(third.endpoints.get(1003)!.policyId, third.endpoints.get(1001)!.policyId);
    assert.deepEqual(contents(third, again), rebuilt(maps, bpf, kernel, told));
  });

  it('stays in force over a restart where there is no room for a second map of each policy', () => {
    const sizes = { policies: 4 };
    const { directory } = maps.open(bpf, kernel, sizes);
    const told = new Told();
    for (const number of [1, 2, 3, 4]) told.endpoints.set(1000 + number, endpoint(number, number, 400 + number));
    told.policies.set(2, policy(2, 1));
    new World(maps.open(bpf, kernel, sizes, directory), told);
    const own = maps.open(bpf, kernel, sizes, directory);
    const world = new World(own, told);
    assert.deepEqual(world.state.faults(), []);
    assert.equal([...own.endpoints.entries()].length, 4);
    // One that has another policy than those who had the same: it keeps its own until there is room.
    const shared = world.told;
    world.set(endpoint(5, 4, 404));
    assert.deepEqual(world.state.faults(), []);
    shared.endpoints.set(1005, endpoint(5, 5, 405));
    const full = maps.open(bpf, kernel, sizes, directory);
    const last = new World(full, shared);
    assert.equal([...full.endpoints.entries()].length, 5);
    assert.deepEqual(dangling(full), []);
    assert.equal(last.state.faults()[0]?.code, 'MAP_E2BIG');
    // Those of the map that two had before have one each now.
    last.remove(1001);
    last.remove(1002);
    assert.deepEqual(last.state.faults(), []);
    assert.equal(full.endpoints.get(1005)!.identity, 405);
    assert.deepEqual(contents(full, last).endpoints, rebuilt(maps, bpf, kernel, shared).endpoints);
  });

  for (const [what, other] of [
    ['larger', { endpoints: 128, local_addresses: 128, ipcache4: 128, ipcache6: 128, policies: 64, policy: 128 }],
    ['smaller', { endpoints: 32, local_addresses: 32, ipcache4: 32, ipcache6: 32, policies: 16, policy: 32 }],
  ] as const)
    it(`is the same in maps of other sizes after a restart: ${what}`, () => {
      const first = maps.open(bpf, kernel);
      const told = new Told();
      for (const number of [1, 2, 3]) told.endpoints.set(1000 + number, endpoint(number, number, 400 + number));
      for (const app of [1, 2]) told.policies.set(app, policy(app, app));
      const before = contents(first, new World(first, told));
      const second = maps.open(bpf, kernel, other, first.directory);
      assert.deepEqual(second.replaced.map(({ map, copied }) => [map, copied]).sort(), [
        ['endpoints', 3],
        ['ipcache4', 5],
        ['ipcache6', 3],
        ['local_addresses', 7],
        ['policies', 3],
      ]);
      const world = new World(second, told);
      second.finishReplacing();
      assert.deepEqual(contents(second, world), before);
      assert.equal(world.check(), 0);
      const { policyId } = second.endpoints.get(1001)!;
      assert.equal(second.policies.get(policyId)!.maxEntries, other.policy);
      assert.deepEqual(world.state.faults(), []);
    });

  it('never has a generation again that a connection may have been allowed under, over a restart too', () => {
    const own = maps.open(bpf, kernel);
    const seen = new Set<number>();
    const look = () => {
      const { policyGeneration } = own.endpoints.get(1001)!;
      assert.ok(!seen.has(policyGeneration), `generation ${policyGeneration} came twice`);
      seen.add(policyGeneration);
    };
    for (let process = 0; process < 3; process++) {
      const world = new World(own);
      world.set(endpoint(1, 0, 400));
      look();
      for (const group of [0, 1, 2]) {
        world.setPolicy(0, policy(0, group));
        look();
      }
      world.set(endpoint(1, 1, 401));
      look();
    }
  });
});
