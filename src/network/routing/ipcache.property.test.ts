import assert from 'node:assert/strict';
import fc from 'fast-check';
import { covers, type IpcacheSource, type Prefix, parsePrefix, reserved, sourceOrder } from '../identity/index.ts';
import { Ipcache, type PrefixEntry } from './ipcache.ts';

const entry = fc.record(
  {
    prefix: fc.constantFrom('10.0.0.1/32', '10.0.0.0/24', '10.0.0.2/32', '10.0.0.0/8', 'fd00::/64', 'fd00::1/128'),
    source: fc.constantFrom<IpcacheSource>(...sourceOrder),
    identity: fc.integer({ min: 1, max: 4 }),
  },
  { noNullPrototype: true },
);
/** Each prefix of a source once, as nobody says two things of one. */
const said = fc.uniqueArray(entry, { maxLength: 4, selector: ({ prefix, source }) => `${prefix} ${source}` });
const step = fc.record({ owner: fc.constantFrom('a', 'b', 'c'), entries: said });

/** What should be in force: all that is said now, by the order of sources, then by who said it last. */
function evaluate(steps: readonly { owner: string; entries: readonly PrefixEntry[] }[]): Map<string, PrefixEntry> {
  const claims: { owner: string; entry: PrefixEntry }[] = [];
  for (const { owner, entries } of steps) {
    const same = (one: PrefixEntry) => (other: PrefixEntry) => JSON.stringify(one) === JSON.stringify(other);
    for (let i = claims.length - 1; i >= 0; i--) {
      const claim = claims[i]!;
      if (claim.owner === owner && !entries.some(same(claim.entry))) claims.splice(i, 1);
    }
    for (const one of entries)
      if (!claims.some((claim) => claim.owner === owner && same(claim.entry)(one))) claims.push({ owner, entry: one });
  }
  const result = new Map<string, PrefixEntry>();
  for (const source of sourceOrder.toReversed())
    for (const claim of claims) if (claim.entry.source === source) result.set(claim.entry.prefix, claim.entry);
  return result;
}

/** By the longest prefix that has an entry. */
function identityIn(entries: ReadonlyMap<string, PrefixEntry>, prefix: string): number {
  const of = parsePrefix(prefix) as Prefix;
  let best: { readonly length: number; readonly identity: number } = { length: -1, identity: reserved.world };
  for (const entry of entries.values()) {
    const other = parsePrefix(entry.prefix) as Prefix;
    if (covers(other, of) && other.length > best.length) best = { length: other.length, identity: entry.identity };
  }
  return best.identity;
}

describe('ipcache', () => {
  it('holds what the first source says, and its changes add up to that', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ipcache = new Ipcache();
        const mirror = new Map<string, PrefixEntry>();
        const take = () => {
          const before = new Map(mirror);
          const changes = ipcache.changes();
          for (const { prefix, entry } of changes)
            if (entry === undefined) assert.ok(mirror.delete(prefix));
            else mirror.set(prefix, entry);
          for (const { prefix, was, is, source, entry } of changes) {
            assert.deepEqual([was, is], [identityIn(before, prefix), identityIn(mirror, prefix)]);
            assert.equal(source, (entry ?? before.get(prefix))?.source);
          }
        };
        steps.forEach(({ owner, entries }, i) => {
          ipcache.set(owner, entries);
          if (i % 2 === 0) return;
          take();
        });
        take();
        const expected = evaluate(steps);
        assert.deepEqual(new Map([...ipcache.values()].map((one) => [one.prefix, one])), expected);
        assert.deepEqual(mirror, expected);
        assert.deepEqual(ipcache.changes(), []);
      }),
    );
  });

  it('says nothing of what came and went between two looks', () => {
    const ipcache = new Ipcache();
    ipcache.set('a', [{ prefix: '10.0.0.1/32', identity: 300, source: 'endpoint' }]);
    ipcache.set('a', []);
    assert.deepEqual(ipcache.changes(), []);
  });
});
