import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { Abi, conntrackEntry, Direction, PolicyVerdict } from '../../gen/abi.ts';
import { bytes, type Layout, u32, u64 } from '../../lib/layout.ts';
import { type Bpf, MapFlag, MapType } from '../sys/bpf-calls.ts';
import { openKernel } from '../sys/kernel.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { openBpf } from '../sys/libbpf.ts';
import { type DatapathMaps, openMaps } from './open-maps.ts';
import { Pins, removePins } from './pins.ts';
import { TypedMap } from './typed-map.ts';

/** Small ones: these tests are about names and contents. */
const sizes = {
  ...{ ipcache4: 1024, ipcache6: 1024, conntrack4: 4096, conntrack6: 4096, events: 1 << 16 },
  ...{ endpoints: 64, policies: 16, policy: 32 },
} as const;

describe('maps', () => {
  let bpf: Bpf;
  let kernel: Kernel;
  let directory: string;
  const opened: DatapathMaps[] = [];
  const open = (extra: object = {}) => {
    const maps = openMaps(bpf, kernel, { directory, sizes: { ...sizes, ...extra } });
    opened.push(maps);
    return maps;
  };

  before(async () => {
    bpf = await openBpf();
    kernel = await openKernel();
    new Pins(bpf, kernel, '/sys/fs/bpf');
  });
  beforeEach(() => {
    directory = mkdtempSync(`/sys/fs/bpf/sluice-test-${process.pid}-`);
  });
  afterEach(() => {
    for (const maps of opened.splice(0)) maps.close();
    removePins(directory);
  });

  const temporary = <K, V>(key: Layout<K>, value: Layout<V>, maxEntries: number, type: number = MapType.hash) => {
    const flags = type === MapType.lpmTrie ? MapFlag.noPrealloc : 0;
    const definition = { type, name: 'test', keySize: key.size, valueSize: value.size, maxEntries, flags };
    return new TypedMap(bpf, 'test', bpf.createMap(definition), key, value);
  };

  it('a value is what was written, until it is deleted', () => {
    const map = temporary(u32, u64, 8);
    assert.equal(map.get(1), undefined);
    assert.equal(map.set(1, 11n), true);
    assert.equal(map.set(1, 12n), false, 'the key is not new');
    assert.equal(map.get(1), 12n);
    assert.deepEqual([...map.entries()], [[1, 12n]]);
    assert.equal(map.delete(1), true);
    assert.equal(map.delete(1), false);
    assert.equal(map.get(1), undefined);
    kernel.close(map.fd);
  });

  for (const [kind, type, key] of [
    ['hash', MapType.hash, (n: number) => n],
    // The length of the prefix, then its bits.
    ['LPM', MapType.lpmTrie, (n: number) => n],
  ] as const) {
    it(`thousands of entries at once: ${kind}`, () => {
      const layout: Layout<number> =
        type === MapType.hash
          ? u32
          : {
              name: 'prefix',
              size: 8,
              encode: (value, view, at = 0) => {
                view.setUint32(at, 32, true);
                view.setUint32(at + 4, value, false);
              },
              decode: (view, at = 0) => view.getUint32(at + 4, false),
            };
      const map = temporary(layout, u64, 5000, type);
      const pairs = Array.from({ length: 3000 }, (_, index) => [key(index), BigInt(index)] as const);
      map.set(2999, 7n);
      const refused: unknown[] = [];
      assert.equal(
        map.setMany(pairs, (refusal) => refused.push(refusal)),
        3000,
      );
      assert.deepEqual(refused, []);
      const byKey = (a: readonly [number, bigint], b: readonly [number, bigint]) => a[0] - b[0];
      assert.deepEqual([...map.entries()].sort(byKey), pairs);
      assert.equal(
        map.deleteMany([...Array(1500).keys(), 4711], () => assert.fail()),
        1500,
      );
      assert.equal([...map.entries()].length, 1500);
      kernel.close(map.fd);
    });
  }

  it('a full map takes what it has room for, and names the rest', () => {
    const map = temporary(u32, u64, 10);
    const refused: { key: number; code: string }[] = [];
    const pairs = Array.from({ length: 14 }, (_, index) => [index, 0n] as const);
    assert.equal(
      map.setMany(pairs, ({ key, fault }) => refused.push({ key, code: fault.code })),
      10,
    );
    assert.deepEqual(
      refused.sort((a, b) => a.key - b.key),
      [10, 11, 12, 13].map((key) => ({ key, code: 'MAP_E2BIG' })),
    );
    assert.throws(() => map.set(99, 0n), { code: 'MAP_E2BIG', message: 'map test: update: E2BIG' });
    assert.equal(map.set(3, 1n), false, 'what is in it can still be changed');
    kernel.close(map.fd);
  });

  it('a map of another layout is refused at open', () => {
    const map = temporary(u32, u64, 8);
    assert.throws(() => new TypedMap(bpf, 'test', map.fd, u32, bytes(12)), {
      code: 'MAP_LAYOUT',
      message: 'map test: it has keys of 4 and values of 8 bytes, not 4 (u32) and 12 (u8[12])',
    });
    kernel.close(map.fd);
  });

  it('maps outlive who opened them', () => {
    const first = open();
    first.endpoints.set(7, endpoint(42));
    first.close();
    opened.pop();
    const second = open();
    assert.deepEqual(second.replaced, []);
    assert.deepEqual(second.endpoints.get(7), endpoint(42));
    assert.equal(second.endpoints.maxEntries, 64);
  });

  it('a map of another size takes over what was in the old one', () => {
    const first = open();
    first.endpoints.set(7, endpoint(42));
    first.ipcache4.set({ prefixlen: 24, address: Uint8Array.of(10, 0, 1, 0) }, ipcacheEntry(300));
    first.policies.create(3, (map) => map.set(policy.key, policy.entry));
    const connection = (localPort: number) => ({
      ...{ local: Uint8Array.of(10, 0, 0, 1), peer: Uint8Array.of(10, 0, 0, 2), localPort, peerPort: 80 },
      ...{ endpoint: 1, protocol: 6 },
    });
    const expiring = (expiresAt: number) => {
      const view = new DataView(new ArrayBuffer(conntrackEntry.size));
      view.setUint32(conntrackEntry.offsets.expiresAt, expiresAt, true);
      return conntrackEntry.decode(view);
    };
    first.conntrack4.set(connection(1), expiring(1));
    const second = open({ endpoints: 128, ipcache4: 2048, policies: 32, conntrack4: 2048 });
    assert.deepEqual(second.replaced, [
      { map: 'endpoints', reason: 'max_entries 64 -> 128', copied: 1 },
      { map: 'ipcache4', reason: 'max_entries 1024 -> 2048', copied: 1 },
      { map: 'policies', reason: 'max_entries 16 -> 32', copied: 1 },
      { map: 'conntrack4', reason: 'max_entries 4096 -> 2048', copied: 1 },
    ]);
    assert.deepEqual(second.policies.get(3)?.get(policy.key), policy.entry);
    assert.deepEqual(second.endpoints.get(7), endpoint(42));
    assert.equal(second.ipcache4.get({ prefixlen: 24, address: Uint8Array.of(10, 0, 1, 0) })?.identity, 300);
    // Written by programs that are still attached with the old map.
    first.conntrack4.set(connection(2), expiring(2));
    first.conntrack4.set(connection(1), expiring(3));
    second.endpoints.delete(7);
    second.finishReplacing();
    assert.equal(second.conntrack4.get(connection(2))?.expiresAt, 2);
    assert.equal(second.conntrack4.get(connection(1))?.expiresAt, 1, 'what is in the new one is newer');
    assert.equal(second.endpoints.get(7), undefined, 'what the agent has removed since stays away');
  });

  it('a ring buffer of any size is one that the kernel can make, and the same the next time', () => {
    const first = open({ events: 100_000 });
    assert.equal(bpf.mapInfo(first.events).maxEntries, 131_072);
    assert.deepEqual(open({ events: 100_000 }).replaced, []);
  });

  it('maps that are too large are a fault that names the flag, and what was there stays', () => {
    const first = open();
    first.endpoints.set(7, endpoint(42));
    assert.throws(() => open({ conntrack4: 2 ** 31 }), {
      code: 'BPF_LOAD',
      hint: 'maps of these sizes cannot be made: see --map-size',
    });
    const again = open();
    assert.deepEqual(again.replaced, []);
    assert.deepEqual(again.endpoints.get(7), endpoint(42));
  });

  it('what was written for programs of another version is not read by ours', () => {
    const first = open();
    const ours = first.config.get(0);
    assert.ok(ours);
    first.endpoints.set(7, endpoint(42));
    first.config.set(0, { ...ours, version: Abi.abiVersion });
    assert.deepEqual(open().replaced, []);
    first.config.set(0, { ...ours, version: Abi.abiVersion + 1 });
    const second = open();
    assert.equal(second.replaced.length, second.fds.size);
    assert.deepEqual(new Set(second.replaced.map(({ copied }) => copied)), new Set([undefined]));
    assert.equal(second.endpoints.get(7), undefined);
    second.finishReplacing();
    assert.equal(second.endpoints.get(7), undefined);
    assert.deepEqual(first.endpoints.get(7), endpoint(42), 'the programs that are attached still see theirs');
  });

  it('pins that nobody knows any more are taken away, once the new programs are in force', () => {
    const maps = open();
    new Pins(bpf, kernel, `${directory}/links`);
    new Pins(bpf, kernel, directory).set('of_a_former_version', maps.config.fd);
    const again = open();
    assert.ok(existsSync(`${directory}/of_a_former_version`));
    again.finishReplacing();
    assert.ok(!existsSync(`${directory}/of_a_former_version`));
    assert.deepEqual(new Set(readdirSync(directory)), new Set([...again.fds.keys(), 'links']));
  });

  it('policy maps are put in full, replaced whole, and found again', () => {
    const maps = open();
    const { key, entry } = policy;
    assert.equal(maps.policies.get(3), undefined);
    maps.policies.create(3, (map) => map.set(key, entry));
    assert.deepEqual(maps.policies.get(3)?.get(key), entry);
    assert.equal(maps.policies.get(3)?.maxEntries, 32);
    const again = open();
    assert.deepEqual(again.policies.get(3)?.get(key), entry);
    again.policies.create(3, (map) => map.set(key, { ...entry, rule: 6 }));
    assert.equal(again.policies.get(3)?.get(key)?.rule, 6);
    assert.deepEqual([...again.policies.ids()], [3]);
    assert.equal(again.policies.delete(3), true);
    assert.equal(again.policies.delete(3), false);
    assert.equal(again.policies.get(3), undefined);
  });

  it('policy maps are made and taken away many at once, aside too; what cannot be made leaves nothing', async () => {
    const { policies } = open();
    const made = await policies.createEmptyAside([3, 4, 5]);
    assert.deepEqual(
      made.map(({ id, map }) => [id, [...map.entries()]]),
      [3, 4, 5].map((id) => [id, []]),
    );
    for (const { id } of made) assert.equal(policies.isInForce(id), true);
    // What is written into them then is what programs find.
    const { key, entry } = policy;
    made[0]!.map.set(key, entry);
    assert.deepEqual(open().policies.get(3)?.get(key), entry);
    // Somebody else took one away: the others go all the same.
    await policies.deleteAside([98, 4, 99, 5, 97]);
    assert.deepEqual([...policies.ids()], [3]);
    const many = Array.from({ length: 16 }, (_, i) => 100 + i);
    await assert.rejects(policies.createEmptyAside(many), { code: 'MAP_E2BIG' });
    assert.deepEqual([...policies.ids()], [3]);
    await policies.createEmptyAside(many.slice(1));
    policies.deleteMany(many.slice(1));
    assert.deepEqual([...policies.ids()], [3]);
    assert.throws(() => policies.deleteMany([3, 99]), { code: 'MAP_ENOENT' });
  });

  it('more policies than fit are a fault that names the flag', () => {
    const maps = open();
    for (let id = 0; id < 16; id++) maps.policies.create(id, () => {});
    assert.throws(() => maps.policies.create(16, () => {}), {
      code: 'MAP_E2BIG',
      hint: 'it is full at 16: raise --map-size=policies=N',
    });
  });

  it('pins can be taken away, and a directory elsewhere is refused', () => {
    open();
    assert.ok(existsSync(`${directory}/endpoints`));
    assert.throws(() => new Pins(bpf, kernel, '/tmp/sluice-no-bpffs'), { code: 'BPFFS' });
  });
});

const policy = {
  key: { prefixlen: 64, identity: 300, direction: Direction.ingress, protocol: 6, port: 80 },
  entry: { verdict: PolicyVerdict.allow, prefixlen: 64, proxyPort: 0, rule: 5, packets: 0n, bytes: 0n },
};

function endpoint(id: number) {
  return {
    ...{ id, flags: 0, identity: 300, policyId: 1, policyGeneration: 1, ifindex: 7 },
    ...{ mac: new Uint8Array(6), gatewayMac: new Uint8Array(6) },
    ...{ address4: { bytes: new Uint8Array(16) }, address6: { bytes: new Uint8Array(16) } },
  };
}

function ipcacheEntry(identity: number) {
  return { identity, flags: 0, tunnelEndpoint: { bytes: new Uint8Array(16) } };
}
