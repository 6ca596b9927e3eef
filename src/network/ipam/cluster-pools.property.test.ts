import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { IpFamily } from '../../lib/ip-address.ts';
import { ClusterPools, podCidrOf } from './index.ts';
import { overlaps } from './pod-cidr.ts';

const pools = {
  ipv4: { cidrs: ['10.0.0.0/28', '10.1.0.0/29'], maskSize: 30 },
  ipv6: { cidrs: ['fd00::/122'], maskSize: 124 },
};
/** All that can be given out. */
const blocks: Record<IpFamily, string[]> = {
  4: ['10.0.0.0', '10.0.0.4', '10.0.0.8', '10.0.0.12', '10.1.0.0', '10.1.0.4'].map((text) => `${text}/30`),
  6: ['fd00::', 'fd00::10', 'fd00::20', 'fd00::30'].map((text) => `${text}/124`),
};
/** What nodes turn up with: of another size, of no pool, and of pools. */
const foreign = [
  '10.0.0.0/29',
  '10.0.0.5/32',
  '10.0.0.6/31',
  '10.0.0.0/8',
  '192.0.2.0/24',
  '10.1.0.4/30',
  'fd00::18/125',
];

const node = fc.constantFrom('a', 'b', 'c', 'd');
const family = fc.constantFrom<IpFamily>(4, 6);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('allocate' as const), node, family, avoid: fc.subarray(blocks[4]) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), node, which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('claim' as const), node, cidr: fc.constantFrom(...foreign) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gone' as const), node }) },
);

describe('pools of the cluster', () => {
  it('give no address to two nodes, and everything that nobody has', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const cluster = new ClusterPools(pools);
        const held = new Map<string, Set<string>>();
        const of = (name: string) => held.get(name) ?? new Set<string>();
        const all = () => [...held.values()].flatMap((texts) => [...texts].map((text) => podCidrOf(text)!));
        for (const one of steps) {
          if (one.do === 'allocate') {
            const avoid = new Set(one.avoid);
            const free = blocks[one.family].filter(
              (text) => !avoid.has(text) && !all().some((cidr) => overlaps(cidr, podCidrOf(text)!)),
            );
            const got = cluster.allocate(one.node, one.family, avoid);
            if (got === undefined) assert.deepEqual(free, []);
            else {
              assert.ok(free.includes(got), `${got} is not free`);
              held.set(one.node, of(one.node).add(got));
            }
          } else if (one.do === 'claim') {
            const cidr = podCidrOf(one.cidr)!;
            const other = [...held].find(
              ([name, texts]) => name !== one.node && [...texts].some((text) => overlaps(podCidrOf(text)!, cidr)),
            );
            assert.equal(cluster.conflict(one.node, one.cidr) === undefined, other === undefined);
            cluster.claim(one.node, one.cidr);
            held.set(one.node, of(one.node).add(cidr.text));
          } else if (one.do === 'release') {
            const texts = [...of(one.node)];
            const text = texts[one.which % Math.max(1, texts.length)];
            if (text === undefined) continue;
            cluster.release(one.node, text);
            of(one.node).delete(text);
          } else {
            cluster.releaseAll(one.node);
            held.delete(one.node);
          }
          for (const name of ['a', 'b', 'c', 'd']) assert.deepEqual(new Set(cluster.cidrsOf(name)), of(name));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('give out last what came back last', () => {
    const cluster = new ClusterPools({ ipv4: { cidrs: ['10.0.0.0/22'], maskSize: 24 } });
    assert.equal(cluster.allocate('a', 4), '10.0.0.0/24');
    cluster.releaseAll('a');
    const rest = ['b', 'c', 'd', 'e', 'f'].map((name) => cluster.allocate(name, 4));
    assert.deepEqual(rest, ['10.0.1.0/24', '10.0.2.0/24', '10.0.3.0/24', '10.0.0.0/24', undefined]);
    cluster.releaseAll('c');
    assert.equal(cluster.allocate('f', 4), '10.0.2.0/24');
  });

  it('of a million CIDRs are searched in no time, around what is held of another size', () => {
    const cluster = new ClusterPools({ ipv6: { cidrs: ['fd00::/44'], maskSize: 64 } });
    cluster.claim('old', 'fd00::/45');
    assert.equal(cluster.allocate('new', 6), 'fd00:0:8::/64');
  });

  it('that make no sense are refused with what would', () => {
    const refused = (options: ConstructorParameters<typeof ClusterPools>[0]) => {
      try {
        new ClusterPools(options);
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    const messages = [
      refused({ ipv4: { cidrs: ['fd00::/104'], maskSize: 24 } }),
      refused({ ipv4: { cidrs: ['10.0.0.0/25'], maskSize: 24 } }),
      refused({ ipv6: { cidrs: ['fd00::/104'], maskSize: 129 } }),
      refused({ ipv4: { cidrs: ['10.0.0.0/8', '10.4.0.0/16'], maskSize: 24 } }),
      refused({ ipv4: { cidrs: ['10.0.0.0/8'], maskSize: 24 } }),
    ];
    assert.deepEqual(messages, [
      'cluster pools: "fd00::/104" is no IPv4 network',
      'cluster pools: a node cannot have a /24 of 10.0.0.0/25',
      'cluster pools: a node cannot have a /129 of fd00::/104',
      'cluster pools: 10.4.0.0/16 and 10.0.0.0/8 overlap',
      undefined,
    ]);
  });
});
