import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type Conntrack4Key,
  type ConntrackEntry,
  ConntrackTime,
  conntrack4Key,
  conntrack6Key,
  conntrackEntry,
  type Ipcache4Key,
  ipcache4Key,
} from '../../gen/abi.ts';
import { type Layout, u32, u64 } from '../../lib/layout.ts';
import { Store } from '../../store/index.ts';
import { TypedMap } from '../maps/index.ts';
import { type Bpf, MapFlag, MapType } from '../sys/bpf-calls.ts';
import { openKernel } from '../sys/kernel.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { openBpf } from '../sys/libbpf.ts';
import { CollectionEntries, mapEntry } from './collection-entries.ts';
import { ConntrackCollector, collectConntrack } from './conntrack-collector.ts';
import { DesiredEntries } from './desired.ts';
import { MapReconciler } from './map-reconciler.ts';
import { MapStage } from './map-stage.ts';

describe('reconcile', () => {
  let bpf: Bpf;
  let kernel: Kernel;
  const maps: number[] = [];
  const newMap = <K, V>(maxEntries: number, key: Layout<K>, value: Layout<V>, type: number = MapType.hash) => {
    const flags = type === MapType.lpmTrie ? MapFlag.noPrealloc : 0;
    const definition = { type, name: 'test', keySize: key.size, valueSize: value.size, maxEntries, flags };
    const fd = bpf.createMap(definition);
    maps.push(fd);
    return new TypedMap(bpf, 'test', fd, key, value);
  };
  const contents = <K, V>(map: TypedMap<K, V>) => new Map(map.entries());

  before(async () => {
    bpf = await openBpf();
    kernel = await openKernel();
  });
  afterEach(() => {
    for (const fd of maps.splice(0)) kernel.close(fd);
  });

  it('at the start only what differs is written', () => {
    const map = newMap(16, u32, u64);
    for (const [key, value] of [
      [1, 10n],
      [2, 20n],
      [3, 30n],
    ] as const)
      map.set(key, value);
    const reconciler = new MapReconciler(map);
    const wanted = [
      [2, 20n],
      [3, 31n],
      [4, 40n],
    ] as const;
    assert.deepEqual(reconciler.replace(wanted), { added: 1, changed: 1, removed: 1 });
    assert.deepEqual(contents(map), new Map(wanted));
    assert.deepEqual(reconciler.replace(wanted), { added: 0, changed: 0, removed: 0 }, 'a second time');
    assert.equal(reconciler.size, 3);
  });

  it('what the program counts in a value is no difference', () => {
    const map = newMap(16, u32, u64);
    // The low half is ours.
    map.set(1, (77n << 32n) | 5n);
    const reconciler = new MapReconciler(map, { ownBytes: 4 });
    assert.deepEqual(reconciler.replace([[1, 5n]]), { added: 0, changed: 0, removed: 0 });
    assert.equal(map.get(1), (77n << 32n) | 5n);
    assert.deepEqual(reconciler.replace([[1, 6n]]), { added: 0, changed: 1, removed: 0 });
  });

  it('a full map is a fault, holds what fits, and takes the rest when there is room', () => {
    const map = newMap(4, u32, u64);
    const reconciler = new MapReconciler(map);
    reconciler.replace(Array.from({ length: 6 }, (_, key) => [key, 0n] as const));
    assert.equal(reconciler.size, 4);
    assert.equal(reconciler.pressure, 1);
    assert.equal(reconciler.refused, 2);
    assert.equal(reconciler.fault?.code, 'MAP_E2BIG');
    assert.equal(reconciler.fault?.message, 'map test: update: E2BIG (2 entries are not in force)');
    assert.equal(reconciler.fault?.hint, 'it is full at 4 entries: raise --map-size=test=N');
    reconciler.upsert([[0, 1n]]);
    assert.equal(map.get(0), 1n, 'what is in the map can still change');
    const held = [...contents(map).keys()];
    reconciler.remove(held.slice(0, 1));
    assert.equal(reconciler.refused, 1);
    reconciler.remove(held.slice(1, 2));
    assert.equal(reconciler.fault, undefined);
    assert.equal(map.get(5), 0n);
  });

  it('whatever happens to the collection, the map says the same; only changes are written', () => {
    const operation = fc.oneof(
      fc.record({ what: fc.constant('set' as const), item: fc.nat(12), key: fc.nat(12), value: fc.nat(3) }),
      fc.record({ what: fc.constant('delete' as const), item: fc.nat(12) }),
    );
    const turns = fc.array(fc.array(operation, { maxLength: 6 }), { maxLength: 12 });
    fc.assert(
      fc.property(turns, fc.dictionary(fc.constantFrom('0', '5', '40'), fc.nat(3)), (plan, before) => {
        const store = new Store({ schedule: () => {} });
        const { table, wanted } = itemsOf(store);
        const map = newMap(64, u32, u64);
        for (const [key, value] of Object.entries(before)) map.set(Number(key), BigInt(value));
        const stage = new MapStage(map, new CollectionEntries(wanted, u32));
        const apply = () => {
          store.flush();
          stage.fill();
          stage.drain();
        };
        apply();
        for (const turn of plan) {
          for (const step of turn) {
            // Each item has keys of its own: item and half.
            if (step.what === 'set')
              table.set(`${step.item}`, { key: step.item * 2 + (step.key % 2), value: step.value });
            else table.delete(`${step.item}`);
          }
          apply();
          const now = new Map(Array.from(table.values(), ({ key, value }) => [key, BigInt(value)]));
          assert.deepEqual(contents(map), now);
          assert.equal(stage.reconciler.size, now.size);
        }
        assert.equal(all(stage.check()), 0);
        kernel.close(maps.pop() as number);
      }),
      { numRuns: 60 },
    );
  });

  it('a key that goes from one item to another in one turn stays', () => {
    const store = new Store({ schedule: () => {} });
    const { table, wanted } = itemsOf(store);
    table.set('a', { key: 7, value: 1 });
    store.flush();
    const map = newMap(8, u32, u64);
    const stage = new MapStage(map, new CollectionEntries(wanted, u32));
    stage.fill();
    table.delete('a');
    table.set('b', { key: 7, value: 2 });
    store.flush();
    stage.fill();
    assert.equal(map.get(7), 2n);
    stage.drain();
    assert.deepEqual(contents(map), new Map([[7, 2n]]));
  });

  /** Numbers 0 to 40 as prefixes that lie in one another: the nodes of a binary tree, from its root on. */
  const prefix = (number: number): Ipcache4Key => {
    const prefixlen = Math.floor(Math.log2(number + 1));
    const path = number + 1 - (1 << prefixlen);
    return { prefixlen, address: Uint8Array.of(path << (8 - prefixlen), 0, 0, 0) };
  };

  it('what somebody else writes, changes or removes is found and mended, whatever else happens meanwhile', () => {
    isMended(() => newMap(64, u32, u64), fc.nat(40));
  });

  it('the same among prefixes, where a shorter one answers for one that is missing', () => {
    isMended(() => newMap(64, ipcache4Key, u64, MapType.lpmTrie), fc.nat(40).map(prefix));
  });

  function isMended<K>(make: () => TypedMap<K, bigint>, key: fc.Arbitrary<K>): void {
    const meddling = fc.array(fc.record({ at: fc.nat(3), key, value: fc.option(fc.nat(3), { nil: undefined }) }));
    const own = fc.array(fc.record({ at: fc.nat(3), key, value: fc.option(fc.nat(3), { nil: undefined }) }));
    const byText = (entries: Iterable<readonly [K, bigint]>) =>
      new Map(Array.from(entries, ([one, value]) => [JSON.stringify(one), value]));
    fc.assert(
      fc.property(fc.array(key), meddling, own, (wanted, meddled, changed) => {
        const map = make();
        const desired = new DesiredEntries<K, bigint>(map.keyLayout);
        const stage = new MapStage(map, desired);
        for (const one of wanted) desired.set(one, 1n);
        const apply = () => {
          stage.fill();
          stage.drain();
        };
        apply();
        const meddle = (at: number) => {
          for (const step of meddled.filter((one) => one.at === at))
            if (step.value === undefined) map.delete(step.key);
            else map.set(step.key, BigInt(step.value));
          for (const step of changed.filter((one) => one.at === at))
            if (step.value === undefined) desired.delete(step.key);
            else desired.set(step.key, BigInt(step.value));
          apply();
        };
        // What comes while a check is under way is mended by the next one at the latest.
        const walk = stage.check();
        for (let at = 0; at < 4; at++) {
          meddle(at);
          walk.next();
        }
        all(walk);
        all(stage.check());
        assert.deepEqual(byText(map.entries()), byText(desired.entries()));
        assert.equal(stage.reconciler.size, desired.size);
        assert.equal(all(stage.check()), 0);
        kernel.close(maps.pop() as number);
      }),
      { numRuns: 100 },
    );
  }

  it('what the kernel does not let one remove is a fault, and is tried again', () => {
    const map = newMap(8, u32, u64);
    const desired = new DesiredEntries<number, bigint>(u32);
    const stage = new MapStage(map, desired);
    for (const key of [1, 2, 3]) desired.set(key, 0n);
    stage.fill();
    const deleteBatch = bpf.deleteBatch;
    // As a map that is frozen, or a kernel without memory, answers.
    bpf.deleteBatch = () => ({ count: 0, errno: 12 });
    try {
      desired.delete(1);
      desired.delete(2);
      stage.fill();
      stage.drain();
    } finally {
      bpf.deleteBatch = deleteBatch;
    }
    assert.equal(stage.reconciler.fault?.message, 'map test: delete: ENOMEM (2 entries are still there)');
    assert.deepEqual([stage.reconciler.size, stage.reconciler.errors], [3, 2]);
    all(stage.check());
    assert.equal(stage.reconciler.fault, undefined);
    assert.deepEqual(contents(map), new Map([[3, 0n]]));
    assert.equal(stage.reconciler.size, 1);
  });

  it('connections whose time is over are removed, others stay', async () => {
    const map = newMap(1024, conntrack4Key, conntrackEntry, MapType.lruHash);
    const now = process.hrtime.bigint();
    for (let port = 1; port <= 300; port++)
      map.set(connection(port), entry(port % 3 === 0 ? now + 60_000_000_000n : now - 2_000_000n));
    assert.deepEqual(await collectConntrack(map), { alive: 100, removed: 200 });
    assert.deepEqual(await collectConntrack(map), { alive: 100, removed: 0 });
    assert.ok([...map.entries()].every(([key]) => key.localPort % 3 === 0));
  });

  it('the collector goes on by itself, survives a map that cannot be read, and stops', async () => {
    const conntrack4 = newMap(64, conntrack4Key, conntrackEntry, MapType.lruHash);
    const conntrack6 = newMap(64, conntrack6Key, conntrackEntry, MapType.lruHash);
    const faults: unknown[] = [];
    const rounds = Promise.withResolvers<void>();
    let collected = 0;
    const collector = new ConntrackCollector(
      { conntrack4, conntrack6 },
      {
        interval: { first: 1, least: 1, most: 5 },
        onCollected: (map, { removed }) => {
          collected += removed;
          if (map === 'test' && collected === 3) rounds.resolve();
        },
        onFault: (error) => faults.push(error),
      },
    );
    const later = process.hrtime.bigint() + 60_000_000_000n;
    conntrack4.set(connection(1), entry(later));
    for (const port of [2, 3]) conntrack4.set(connection(port), entry(process.hrtime.bigint() - 1_000_000_000n));
    const batches = conntrack4.batches.bind(conntrack4);
    let broken = true;
    conntrack4.batches = (size) => {
      if (!broken) return batches(size);
      broken = false;
      throw new Error('unreadable');
    };
    // Timers of the collector keep no process alive; this one does.
    const alive = setInterval(() => {}, 1000);
    try {
      collector.start();
      // Comes between two rounds.
      setTimeout(() => conntrack4.set(connection(4), entry(process.hrtime.bigint() - 1_000_000_000n)), 10);
      await rounds.promise;
      assert.equal(faults.length, 1);
      assert.equal(collector.alive.get('test')?.maxEntries, 64);
      await collector.stop();
      conntrack4.set(connection(5), entry(process.hrtime.bigint() - 1_000_000_000n));
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.notEqual(conntrack4.get(connection(5)), undefined);
      assert.equal(collected, 3);
    } finally {
      clearInterval(alive);
      await collector.stop();
    }
  });
});

function connection(localPort: number): Conntrack4Key {
  return {
    ...{ local: Uint8Array.of(10, 0, 0, 1), peer: Uint8Array.of(10, 0, 0, 2), localPort, peerPort: 80 },
    ...{ endpoint: 1, protocol: 6 },
  };
}

/** @param expiresAt ns of CLOCK_MONOTONIC */
function entry(expiresAt: bigint): ConntrackEntry {
  const view = new DataView(new ArrayBuffer(conntrackEntry.size));
  const ticks = BigInt.asUintN(32, expiresAt >> BigInt(ConntrackTime.conntrackTickShift));
  view.setUint32(conntrackEntry.offsets.expiresAt, Number(ticks), true);
  return conntrackEntry.decode(view);
}

/** Items whose entries a map should have. */
function itemsOf(store: Store) {
  const table = store.table<{ key: number; value: number }>('items');
  const wanted = store.derive(table, {
    name: 'entries',
    map: (_fetch, { key, value }) => [mapEntry(u32, key, BigInt(value))],
  });
  return { table, wanted };
}

/** To its end. */
function all<T>(walk: Generator<void, T>): T {
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
  }
}
