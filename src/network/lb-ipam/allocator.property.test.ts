import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseObject, type Service } from '../../api/index.ts';
import { formatIp, type IpAddress, parseIp } from '../../lib/ip-address.ts';
import { AddressAllocator } from './allocator.ts';
import { holds, type PoolObject, poolId, poolOf, selects } from './pool.ts';
import { mayShare, requestOf } from './request.ts';

type Step =
  | { readonly op: 'pool'; readonly name: number; readonly spec: object }
  | { readonly op: 'service'; readonly name: number; readonly age: number; readonly raw: object }
  | { readonly op: 'delete pool' | 'delete service'; readonly name: number }
  | { readonly op: 'settle' };

/** Few addresses, so that they are fought for. */
const octet = fc.integer({ min: 0, max: 9 });
const block = fc.oneof(
  fc.tuple(octet, fc.integer({ min: 28, max: 32 })).map(([o, bits]) => ({ cidr: `10.0.0.${o}/${bits}` })),
  fc.tuple(octet, fc.nat(3)).map(([o, n]) => ({ start: `10.0.0.${o}`, stop: `10.0.0.${o + n}` })),
  fc.tuple(octet, fc.nat(3)).map(([o, n]) => ({ start: `fd00::${o}`, stop: `fd00::${o + n}` })),
);
const label = fc.constantFrom('a', 'b');
const name = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .tuple(name, fc.array(block, { minLength: 1, maxLength: 2 }), fc.option(label), fc.boolean(), fc.boolean())
      .map(([n, blocks, only, disabled, ends]) => ({
        op: 'pool' as const,
        name: n,
        spec: {
          blocks,
          disabled,
          allowFirstLastIPs: ends ? 'Yes' : 'No',
          ...(only === null ? {} : { serviceSelector: { matchLabels: { l: only } } }),
        },
      })),
  },
  {
    weight: 5,
    arbitrary: fc
      .record({
        n: fc.nat(7),
        age: fc.nat(3),
        l: label,
        families: fc.constantFrom(['IPv4'], ['IPv6'], ['IPv4', 'IPv6']),
        ips: fc.option(fc.array(octet, { minLength: 1, maxLength: 2 })),
        key: fc.option(label),
        port: fc.constantFrom(80, 81),
      })
      .map(({ n, age, l, families, ips, key, port }) => ({
        op: 'service' as const,
        name: n,
        age,
        raw: {
          labels: { l },
          annotations: {
            ...(ips === null ? {} : { 'lbipam.cilium.io/ips': ips.map((o) => `10.0.0.${o}`).join() }),
            ...(key === null ? {} : { 'lbipam.cilium.io/sharing-key': key }),
          },
          spec: { type: 'LoadBalancer', ipFamilies: families, ports: [{ port }] },
        },
      })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('delete pool' as const, 'delete service' as const), fc.nat(7))
      .map(([op, n]) => ({ op, name: n })),
  },
  { weight: 2, arbitrary: fc.constant({ op: 'settle' as const }) },
);

const time = (age: number) => new Date(Date.UTC(2026, 0, 1 + age)).toISOString();

function parsed<T>(raw: object): T {
  const { object } = parseObject(raw);
  assert.ok(object);
  return object as unknown as T;
}

const poolObject = (n: number, spec: object): PoolObject =>
  parsed({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumLoadBalancerIPPool',
    metadata: { name: `p${n}`, creationTimestamp: time(n % 2) },
    spec,
  });

function serviceObject({ name: n, age, raw }: Extract<Step, { op: 'service' }>): Service {
  const { labels, annotations, spec } = raw as Record<'labels' | 'annotations' | 'spec', object>;
  const metadata = { name: `s${n}`, namespace: 'default', labels, annotations, creationTimestamp: time(age) };
  return parsed({ apiVersion: 'v1', kind: 'Service', metadata, spec });
}

/** What there is after some steps, and an allocator that was told of it step by step. */
class World {
  readonly allocator = new AddressAllocator();
  readonly pools = new Map<string, PoolObject>();
  readonly services = new Map<string, Service>();

  run(steps: readonly Step[]): this {
    for (const one of steps) {
      if (one.op === 'settle') this.allocator.settle();
      else if (one.op === 'pool') {
        const pool = poolObject(one.name, one.spec);
        this.pools.set(poolId(pool), pool);
        this.allocator.setPool(pool);
      } else if (one.op === 'service') {
        const service = serviceObject(one);
        this.services.set(`default/s${one.name}`, service);
        this.allocator.setService(service, []);
      } else if (one.op === 'delete pool') {
        const ref = { kind: 'CiliumLoadBalancerIPPool', metadata: { name: `p${one.name}` } };
        this.pools.delete(poolId(ref));
        this.allocator.deletePool(ref);
      } else {
        this.services.delete(`default/s${one.name}`);
        this.allocator.deleteService(`default/s${one.name}`);
      }
    }
    this.allocator.settle();
    return this;
  }

  addressesOf(key: string): readonly IpAddress[] {
    return this.allocator.assignment(key)!.addresses.map((text) => parseIp(text)!);
  }
  assignments(): unknown {
    return Object.fromEntries([...this.services.keys()].sort().map((key) => [key, this.allocator.assignment(key)]));
  }
  conflicting(): string[] {
    return this.allocator.pools().flatMap(({ id, conflict }) => (conflict === undefined ? [] : [id]));
  }
}

const steps = fc.array(step, { minLength: 3, maxLength: 40 });

describe('an allocator of addresses', () => {
  it('gives no address twice, but to those who share it, and each out of a pool for its Service', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const world = new World().run(list);
        const owners = new Map<string, string[]>();
        for (const [key, service] of world.services) {
          const request = requestOf(service)!;
          for (const text of world.allocator.assignment(key)!.addresses) {
            for (const other of owners.get(text) ?? [])
              assert.ok(mayShare(request, requestOf(world.services.get(other)!)!), `${text}: ${key} and ${other}`);
            owners.set(text, [...(owners.get(text) ?? []), key]);
            const pools = [...world.pools.values()].map(poolOf);
            assert.ok(pools.some((pool) => holds(pool, parseIp(text)!) && selects(pool, request.labels)));
          }
        }
        for (const { id, used } of world.allocator.pools()) {
          const pool = poolOf(world.pools.get(id)!);
          const counted = pool.ranges.map(
            ({ family, first, last }) =>
              [...owners.keys()].filter((text) => {
                const address = parseIp(text)!;
                return address.family === family && address.value >= first && address.value <= last;
              }).length,
          );
          assert.equal(
            Number(used),
            counted.reduce((a, b) => a + b, 0),
          );
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('gives the same again when it starts anew with what the statuses say', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const world = new World().run(list);
        const anew = new World();
        for (const pool of world.pools.values()) anew.allocator.setPool(pool);
        for (const [key, service] of [...world.services].reverse()) {
          anew.services.set(key, service);
          anew.allocator.setService(service, world.addressesOf(key));
        }
        anew.run([]);
        const addresses = (one: World) =>
          [...world.services.keys()].map((key) => [key, one.allocator.assignment(key)!.addresses]);
        assert.deepEqual(addresses(anew), addresses(world));
        assert.deepEqual([...anew.allocator.settle()], []);
      }),
      { numRuns: 1500 },
    );
  });

  it('leaves nobody without an address while one is free for it', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const world = new World().run(list);
        const conflicting = world.conflicting();
        const open = [...world.pools.values()]
          .map(poolOf)
          .filter(({ id, disabled }) => !disabled && !conflicting.includes(id));
        const taken = new Set([...world.services.keys()].flatMap((key) => world.allocator.assignment(key)!.addresses));
        for (const [key, service] of world.services) {
          const request = requestOf(service)!;
          const has = world.addressesOf(key);
          if (world.allocator.assignment(key)!.reason === 'satisfied') {
            assert.equal(has.length, request.asked.length || request.families.length);
            continue;
          }
          const texts = Array.from({ length: 16 }, (_, i) => [
            `10.0.0.${i}`,
            formatIp({ family: 6, value: 0xfd00n * 2n ** 112n + BigInt(i) }),
          ]).flat();
          for (const text of texts.filter((each) => !taken.has(each))) {
            const address = parseIp(text)!;
            if (!open.some((pool) => holds(pool, address) && selects(pool, request.labels))) continue;
            const wanted =
              request.asked.length > 0
                ? request.asked.some(({ value }) => value === address.value)
                : request.families.includes(address.family) && !has.some(({ family }) => family === address.family);
            assert.ok(!wanted, `${key} goes without ${text}`);
          }
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('reports every overlap, at the younger pool', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const world = new World().run(list);
        const pools = [...world.pools.values()].map(poolOf);
        const cells = (index: number) =>
          pools[index]!.ranges.flatMap(({ family, first, last }) =>
            Array.from({ length: Number(last - first) + 1 }, (_, i) => `${family} ${first + BigInt(i)}`),
          );
        const older = (a: number, b: number) =>
          pools[a]!.created - pools[b]!.created || (pools[a]!.id < pools[b]!.id ? -1 : 1);
        const expected = pools.flatMap(({ id }, i) => {
          const own = cells(i);
          const others = pools.flatMap((_, j) => (j !== i && older(j, i) < 0 ? cells(j) : []));
          return new Set(own).size < own.length || own.some((cell) => others.includes(cell)) ? [id] : [];
        });
        assert.deepEqual(world.conflicting().sort(), expected.sort());
      }),
    );
  });

  it('does not care in which order things arrive', () => {
    const things = fc.array(
      step.filter(({ op }) => op === 'pool' || op === 'service'),
      { minLength: 2, maxLength: 14 },
    );
    fc.assert(
      fc.property(
        things.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          // Of several forms of one object only the last counts: keep one of each.
          const unique = (all: readonly Step[]) =>
            all.filter(
              (one) =>
                list.findLast(
                  (each) => each.op === one.op && 'name' in each && 'name' in one && each.name === one.name,
                ) === one,
            );
          assert.deepEqual(
            new World().run(unique(shuffled)).assignments(),
            new World().run(unique(list)).assignments(),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('does for one more Service what one more Service needs', () => {
    const allocator = new AddressAllocator();
    allocator.setPool(poolObject(0, { blocks: [{ cidr: '10.1.0.0/16' }] }));
    const service = (n: number): Service => {
      const metadata = { name: `s${n}`, namespace: 'default' };
      return parsed({
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
      });
    };
    for (let n = 0; n < 2000; n++) allocator.setService(service(n), []);
    assert.equal(allocator.settle().size, 2000);
    // What is not looked at is not made anew.
    const before = allocator.assignment('default/s7');
    allocator.setService(service(2000), []);
    assert.deepEqual([...allocator.settle()], ['default/s2000']);
    allocator.deleteService('default/s9');
    assert.deepEqual([...allocator.settle()], ['default/s9']);
    assert.equal(allocator.assignment('default/s7'), before);
    allocator.setService(service(2001), []);
    allocator.settle();
    // The address that came free is the lowest.
    const lowest = allocator.assignment('default/s2001')!.addresses[0]!;
    assert.ok(parseIp(lowest)!.value < parseIp('10.1.7.208')!.value);
  });
});
