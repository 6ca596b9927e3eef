import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Bpf, CollectionEntries, type Kernel, MapStage, mapEntry } from '../../datapath/index.ts';
import { TypedMap } from '../../datapath/maps/typed-map.ts';
import { MapType } from '../../datapath/sys/bpf-calls.ts';
import { EndpointFlag } from '../../gen/abi.ts';
import { u32 } from '../../lib/layout.ts';
import { Store } from '../../store/index.ts';
import {
  contents,
  dangling,
  endpoint,
  openTestKernel,
  policy,
  rebuilt,
  TestMaps,
  Told,
  take,
  World,
  worldStep,
} from './testing/kernel-world.ts';
import { WatchedBpf } from './testing/watched-bpf.ts';

describe('what the kernel is told', () => {
  let bpf: Bpf;
  let kernel: Kernel;
  const maps = new TestMaps();

  before(async () => {
    ({ kernel, bpf } = await openTestKernel());
  });
  const clear = () => maps[Symbol.dispose]();
  afterEach(clear);

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
          assert.deepEqual(found, rebuilt(maps, bpf, kernel, world.told));
        })
        .afterEach(clear),
      { numRuns: 25 },
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
      assert.deepEqual(contents(own, next), rebuilt(maps, bpf, kernel, next.told));
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

  it('says so before and after addresses become other identities in steps: networks and nodes, not pods', () => {
    const own = maps.open(bpf, kernel);
    const world = new World(own);
    world.set(endpoint(1, 0, 400));
    /** What the maps said each time. */
    let seen: unknown[] = [];
    const contents = () => [
      ...own.ipcache4.entries(),
      ...[...own.policies.ids()].flatMap((id) => [...own.policies.get(id)!.entries()]),
    ];
    world.onSplit = () => seen.push(contents());
    const count = (work: () => void) => {
      seen = [];
      const before = contents();
      work();
      world.state.apply();
      if (seen.length > 0) assert.deepEqual([seen[0], seen.at(-1)], [before, contents()]);
      return seen.length;
    };
    const said = (source: 'node' | 'endpoint') =>
      world.ipcache.set(source, [{ prefix: `10.1.1.${source.length}/32`, identity: 300, source }]);
    const counts = {
      pod: count(() => said('endpoint')),
      node: count(() => said('node')),
      networks: count(() => world.setPolicy(0, policy(0, 1))),
      networksGone: count(() => world.setPolicy(0, policy(0, 1, true))),
      labels: count(() => world.setPolicy(0, policy(0, 2, true))),
    };
    assert.deepEqual(counts, { pod: 0, node: 2, networks: 2, networksGone: 2, labels: 0 });
  });

  it('encloses an endpoint that nobody knows yet in both directions', () => {
    const own = maps.open(bpf, kernel);
    new World(own).set(endpoint(1, 0));
    const { identity, flags } = own.endpoints.get(1001)!;
    assert.equal(identity, 5);
    assert.equal(flags, EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced);
  });
});
