import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Place, type PlaceAsk, placeListeners } from './ports.ts';

const address = '127.0.0.1';
const range = { first: 100, last: 119 };
const bind = (port: number, at = address) => ({ address: at, port, transport: 'tcp' as const });
const ask = (name: string, binds: PlaceAsk['binds'] = 'auto', created = 0): PlaceAsk => ({
  name,
  created,
  owner: `owner of ${name}`,
  binds,
  transport: 'tcp',
});
const portOf = (place: Place | undefined) => (place?.type === 'given' ? place.bind.port : undefined);

const asks = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-f]{1,3}$/),
    created: fc.nat(3),
    owner: fc.constantFrom('a', 'b'),
    binds: fc.oneof(
      fc.constant('auto' as const),
      fc.array(
        fc.record({
          address: fc.constantFrom(address, '::', '127.0.0.2'),
          port: fc.integer({ min: 98, max: 110 }),
          transport: fc.constantFrom('tcp' as const, 'udp' as const),
        }),
        { maxLength: 2 },
      ),
    ),
    transport: fc.constantFrom('tcp' as const, 'udp' as const),
  }),
  { selector: ({ name }) => name, maxLength: 30 },
);

describe('envoyconfig: ports', () => {
  it('gives no port twice, in whatever order the listeners come, and keeps what others have', () => {
    fc.assert(
      fc.property(asks, fc.array(fc.integer({ min: 100, max: 119 }), { maxLength: 5 }), (wanted, others) => {
        const taken = others.map((port) => ({ ...bind(port), owner: 'other' }));
        const places = placeListeners(wanted, taken, address, range);
        assert.deepEqual(placeListeners([...wanted].reverse(), taken, address, range), places);
        const given = [...places.values()].map(portOf).filter((port) => port !== undefined);
        assert.equal(new Set(given).size, given.length);
        for (const port of given) assert.ok(port >= range.first && port <= range.last);
        for (const { name, transport } of wanted)
          if (transport === 'tcp') assert.ok(!others.includes(portOf(places.get(name)) ?? 0));
        for (const { name, binds } of wanted)
          if (binds !== 'auto' && places.get(name)?.type === 'kept')
            for (const one of binds)
              if (one.transport === 'tcp' && one.address !== '127.0.0.2') assert.ok(!others.includes(one.port));
        for (const { name } of wanted) assert.ok(places.has(name));
      }),
    );
  });

  it('keeps a port when other listeners come and go', () => {
    const names = Array.from({ length: 200 }, (_, i) => `ns/config-${i}/listener`);
    const before = placeListeners(
      names.slice(100).map((name) => ask(name)),
      [],
      address,
    );
    const after = placeListeners(
      names.map((name, i) => ask(name, 'auto', i)),
      [],
      address,
    );
    const moved = names.slice(100).filter((name) => portOf(before.get(name)) !== portOf(after.get(name)));
    // 200 names in 10,001 ports: with a hash of this quality one or two meet.
    assert.ok(moved.length <= 3, `${moved.length} moved`);
  });

  it('lets the older object keep an address, and a wildcard take its port everywhere', () => {
    const places = placeListeners(
      [ask('young', [bind(80)], 2), ask('old', [bind(80, '::')], 1), ask('other', [bind(80, '127.0.0.2')], 3)],
      [],
      address,
    );
    assert.equal(places.get('old')?.type, 'kept');
    assert.deepEqual(places.get('young'), { type: 'conflict', bind: bind(80), owner: 'owner of old' });
    assert.equal(places.get('other')?.type, 'conflict');
  });

  it('moves a port of ours away from one that a user asks for, and says when none is left', () => {
    const first = portOf(placeListeners([ask('a')], [], address, range).get('a'));
    assert.ok(first !== undefined);
    const both = placeListeners([ask('a'), ask('b', [bind(first)], 9)], [], address, range);
    assert.equal(both.get('b')?.type, 'kept');
    assert.notEqual(portOf(both.get('a')), first);
    const one = { first: 7, last: 7 };
    assert.deepEqual(placeListeners([ask('a'), ask('b', 'auto', 1)], [], address, one).get('b'), { type: 'full' });
  });
});
