import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type Bpf,
  CollectionEntries,
  type DatapathMaps,
  type Kernel,
  MapStage,
  mapEntry,
  openBpf,
  openKernel,
} from '../../datapath/index.ts';
import { Pins } from '../../datapath/maps/pins.ts';
import { TypedMap } from '../../datapath/maps/typed-map.ts';
import { MapType } from '../../datapath/sys/bpf-calls.ts';
import { EndpointFlag } from '../../gen/abi.ts';
import { u32 } from '../../lib/layout.ts';
import { Store } from '../../store/index.ts';
import { contents, endpoint, policy, reached, TestMaps, Told, take, World, worldStep } from './testing/kernel-world.ts';
import { Crash, WatchedBpf } from './testing/watched-bpf.ts';

describe('what the kernel is told', () => {
  let bpf: Bpf;
  let kernel: Kernel;
  const maps = new TestMaps();

  before(async () => {
    [kernel, bpf] = [await openKernel(), await openBpf()];
    new Pins(bpf, kernel, '/sys/fs/bpf');
  });
  const clear = () => maps[Symbol.dispose]();
  afterEach(clear);
  /** As a process that finds nothing would have made it. */
  const rebuilt = (told: Told) => {
    const fresh = maps.open(bpf, kernel);
    return contents(fresh, new World(fresh, told));
  };

  it('is the same whichever way it came about, and after a restart, with nothing left over', () => {
    fc.assert(
      fc
        .property(fc.array(worldStep, { minLength: 1, maxLength: 12 }), (steps) => {
          const own = maps.open(bpf, kernel);
          let world = new World(own);
          for (const one of steps) if (!take(world, one)) world = new World(own, world.told);
          // Networks of a subject that was released go with the next turn.
          world.state.apply();
          assert.deepEqual(world.state.faults(), []);
          // Of several that had an address, the next process may think of another one as the last.
          world = new World(own, world.told);
          const found = contents(own, world);
          assert.deepEqual(found.unused, []);
          assert.deepEqual(found, rebuilt(world.told));
        })
        .afterEach(clear),
      { numRuns: 25 },
    );
  });

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
          assert.deepEqual(found, rebuilt(told));
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

  it('costs what changed, not what there is: one of 200 pods on a node that knows 100,000 prefixes', () => {
    const watched = new WatchedBpf(bpf);
    const own = maps.open(watched.bpf, kernel, {
      ...{ endpoints: 512, local_addresses: 1024, policies: 512, ipcache4: 200_000, ipcache6: 1024 },
    });
    const told = new Told();
    for (let number = 1; number <= 200; number++)
      told.endpoints.set(1000 + number, endpoint(number, number, 400 + number));
    told.policies.set(7, policy(7, 1));
    const world = new World(own, told);
    for (let i = 0; i < 100_000; i++)
      world.ipcache.set(`endpoint ${i}`, [
        { prefix: `10.${2 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`, identity: 300 + (i % 6), source: 'endpoint' },
      ]);
    world.state.apply();
    const cost = (work: () => void) => {
      watched.written = watched.read = 0;
      work();
      assert.equal(watched.read, 0, 'no map is read');
      return watched.written;
    };
    const counts = {
      nothing: cost(() => void world.state.apply()),
      identity: cost(() => world.set(endpoint(9, 9, 999))),
      policy: cost(() => world.setPolicy(7, policy(7, 2))),
      prefix: cost(() => {
        // Of somebody whom the policy lets in by no rule: no connection is to be judged again.
        world.ipcache.set('endpoint 4', []);
        world.state.apply();
      }),
      gone: cost(() => world.remove(1009)),
    };
    assert.equal(counts.nothing, 0);
    // Its entry, which is there already, and those of its two addresses in ipcache: each asked for as new first.
    assert.ok(counts.identity <= 8, `${counts.identity} for an identity`);
    // Two identities and a network, each new and old, and the endpoint's own entry.
    assert.ok(counts.policy <= 16, `${counts.policy} for a policy`);
    assert.equal(counts.prefix, 1);
    assert.ok(counts.gone <= 6, `${counts.gone} for an endpoint that is gone`);
    assert.deepEqual(world.state.faults(), []);
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
    assert.deepEqual(contents(second, world), rebuilt(told));
    // Where endpoints of one policy have several now, they get maps of their own.
    told.endpoints.set(1003, endpoint(3, 2, 402));
    const third = maps.open(bpf, kernel, {}, directory);
    const again = new World(third, told);
    assert.notEqual(third.endpoints.get(1003)!.policyId, third.endpoints.get(1001)!.policyId);
    assert.deepEqual(contents(third, again), rebuilt(told));
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
    assert.deepEqual(contents(full, last).endpoints, rebuilt(shared).endpoints);
  });

  it('is mended where somebody else changed it', () => {
    const own = maps.open(bpf, kernel);
    const told = new Told();
    for (const number of [1, 2, 3]) told.endpoints.set(1000 + number, endpoint(number, number, 400 + number));
    told.policies.set(1, policy(1, 1));
    const world = new World(own, told);
    const expected = contents(own, world);
    assert.equal(world.check(), 0);

    const one = own.endpoints.get(1001)!;
    const rules = own.policies.get(one.policyId)!;
    const [allow] = [...rules.entries()];
    rules.delete(allow![0]);
    rules.set({ ...allow![0], identity: 4711 }, allow![1]);
    own.endpoints.set(1001, { ...one, flags: 0 });
    own.endpoints.delete(1002);
    own.endpoints.set(77, one);
    const [address] = [...own.localAddresses.entries()];
    own.localAddresses.delete(address![0]);
    const prefixes = [...own.ipcache4.entries()];
    own.ipcache4.delete(prefixes[0]![0]);
    own.ipcache4.set(prefixes[1]![0], { ...prefixes[1]![1], identity: 1 });
    own.ipcache4.set({ prefixlen: 8, address: Uint8Array.of(10, 0, 0, 0) }, prefixes[1]![1]);
    own.policies.create(4000, () => {});
    // Taken away, and replaced by an empty one.
    const removed = new DataView(new ArrayBuffer(4));
    removed.setUint32(0, own.endpoints.get(1003)!.policyId, true);
    bpf.delete(own.policies.fd, removed);

    assert.equal(world.check(), 11);
    assert.deepEqual(contents(own, world), expected);
    assert.equal(world.check(), 0);
    assert.deepEqual(world.state.faults(), []);
  });

  for (const [name, size] of [
    ['endpoints', 3],
    ['local_addresses', 6],
    ['ipcache4', 4],
    ['ipcache6', 4],
    ['policies', 3],
    ['policy', 2],
  ] as const)
    it(`names a map that is full, goes on with the others, and brings in what waited: ${name}`, () => {
      const own = maps.open(bpf, kernel, { [name]: size });
      const world = new World(own);
      world.setPolicy(6, policy(6, 1));
      for (const number of [1, 2, 3, 4, 5, 6]) world.set(endpoint(number, number, 400 + number));
      const [fault] = world.state.faults();
      assert.equal(fault?.code, 'MAP_E2BIG');
      assert.match(fault?.hint ?? '', new RegExp(`--map-size=${name}=N`));
      // Addresses of an endpoint that there is no room for, or whose policy has none, are told all the same.
      if (name !== 'endpoints' && name !== 'policies') assert.deepEqual(dangling(own), [], 'what is there is whole');
      // Also a process that starts goes on.
      const next = new World(maps.open(bpf, kernel, { [name]: size }, own.directory), world.told);
      assert.equal(next.state.faults()[0]?.code, 'MAP_E2BIG');
      for (const number of [2, 3, 4, 5, 6]) next.remove(1000 + number);
      next.setPolicy(6, undefined);
      assert.deepEqual(next.state.faults(), []);
      assert.deepEqual(contents(own, next), rebuilt(next.told));
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

  it('has room for maps of others, which point at endpoints', () => {
    const own = maps.open(bpf, kernel);
    const fd = bpf.createMap({ type: MapType.hash, name: 'ports', keySize: 4, valueSize: 4, maxEntries: 2 });
    try {
      // All that such a map needs: what there is, an entry of each, and a place among the stages.
      const store = new Store({ schedule: () => {} });
      const ports = store.table<{ port: number; endpoint: number }>('ports');
      const wanted = store.derive(ports, {
        name: 'ports.entries',
        map: (_fetch, { port, endpoint: index }) => [mapEntry(u32, port, index)],
      });
      const map = new TypedMap(bpf, 'ports', fd, u32, u32);
      const stage = new MapStage(map, new CollectionEntries(wanted, u32));
      const world = new World(own, new Told(), [stage]);
      const open = (port: number, index: number) => ports.set(`${port}`, { port, endpoint: index });
      open(80, 1001);
      store.flush();
      world.set(endpoint(1, 1, 401));
      assert.deepEqual([...map.entries()], [[80, 1001]]);
      map.set(80, 7);
      assert.equal(world.check(), 1);
      assert.deepEqual([...map.entries()], [[80, 1001]]);
      for (const port of [81, 82]) open(port, 1001);
      store.flush();
      world.state.apply();
      const { name, maxEntries } = map;
      const state = world.state.states().find((one) => one.map.name === name);
      assert.deepEqual([state?.size, state?.refused, state?.errors, state?.mended], [maxEntries, 1, 1, 1]);
      assert.match(world.state.faults()[0]?.message ?? '', /^map ports: update: E2BIG/);
    } finally {
      kernel.close(fd);
    }
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

  it('is another generation where a peer became somebody whom the policy treats otherwise, and for nobody else', () => {
    const own = maps.open(bpf, kernel);
    const world = new World(own);
    for (const app of [0, 1, 2]) world.set(endpoint(1 + app, app, 400 + app));
    world.setPolicy(0, policy(0, 0));
    const denying = policy(1, 1, true);
    const rules = denying.rules.map((rule) => ({ ...rule, enableDefaultDeny: { ingress: false } }));
    world.setPolicy(1, { ...denying, rules });
    const peer = (identity: number | undefined, source: 'endpoint' | 'local' = 'endpoint') => {
      world.ipcache.set('peer', identity === undefined ? [] : [{ prefix: '10.1.1.7/32', identity, source }]);
      world.state.apply();
    };
    const generations = () => [1001, 1002, 1003].map((key) => own.endpoints.get(key)!.policyGeneration);
    /** Which endpoints' connections are judged again by this. */
    const judged = (change: () => void) => {
      const before = generations();
      change();
      return generations().flatMap((one, i) => (one === before[i] ? [] : [i + 1]));
    };
    peer(300);
    const changes: [identity: number | undefined, who: number[], why: string][] = [
      [303, [], 'of the same group'],
      [301, [1, 2], 'let in by the one no more, denied by the other'],
      [302, [2], 'denied no more, and let in by the first as little as before'],
      [301, [2], 'denied again'],
      [undefined, [2], 'the world is not denied'],
      [999, [1, 2], 'nobody knows who that is'],
    ];
    for (const [identity, who, why] of changes)
      assert.deepEqual(
        judged(() => peer(identity)),
        who,
        why,
      );
    assert.deepEqual(
      judged(() => peer(300, 'local')),
      [],
      'the programs see for themselves who is on this node',
    );
  });

  it('encloses an endpoint that nobody knows yet in both directions', () => {
    const own = maps.open(bpf, kernel);
    new World(own).set(endpoint(1, 0));
    const { identity, flags } = own.endpoints.get(1001)!;
    assert.equal(identity, 5);
    assert.equal(flags, EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced);
  });
});

/** Entries that point at what is not there. */
function dangling(maps: DatapathMaps): string[] {
  const policies = new Set(maps.policies.ids());
  const endpoints = new Map(maps.endpoints.entries());
  return [
    ...[...endpoints]
      .filter(([, { policyId }]) => !policies.has(policyId))
      .map(([key, { policyId }]) => `endpoint ${key}: policy ${policyId}`),
    ...[...maps.localAddresses.entries()]
      .filter(([, { ifindex, endpoint: id }]) => id !== 0 && !endpoints.has(ifindex))
      .map(([, { ifindex }]) => `address: endpoint ${ifindex}`),
  ];
}
