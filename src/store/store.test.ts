import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Collection, Store } from './index.ts';

interface Route {
  host: string;
  service: string;
}

/** A small control plane: routes name services, hosts group routes, a service's port shows in the host's line. */
function plane() {
  const store = new Store({ schedule: () => {} });
  const routes = store.table<Route>('routes');
  const services = store.table<{ port: number }>('services');
  const lines = store.derive(routes, {
    name: 'lines',
    map: (fetch, route, key) => [
      [key, { host: route.host, text: `${key}->${route.service}:${fetch.get(services, route.service)?.port ?? '?'}` }],
    ],
  });
  const hosts = store.group(
    lines.index('host', (line) => line.host),
    { name: 'hosts', map: (_fetch, members, host) => [[host, members.map((line) => line.text).sort()]] },
  );
  const count = store.single({ name: 'count', map: (fetch) => fetch.all(hosts).length });
  return { store, routes, services, lines, hosts, count };
}

const snapshot = <V>(collection: Collection<V>) => [...collection.entries()].sort(([a], [b]) => (a < b ? -1 : 1));

describe('store', () => {
  it('runs a transformation only for what its inputs touched', () => {
    const { store, routes, services, lines, hosts } = plane();
    for (let i = 0; i < 100; i++) routes.set(`r${i}`, { host: `h${i % 10}`, service: `s${i % 50}` });
    store.flush();
    assert.equal(lines.runs, 100);
    assert.equal(hosts.runs, 10);
    services.set('s7', { port: 80 });
    store.flush();
    assert.equal(lines.runs, 102);
    assert.equal(hosts.runs, 11);
    assert.ok(hosts.get('h7')?.includes('r7->s7:80'));
  });

  it('counts what is under an index key, and again when that changes', () => {
    const { store, routes } = plane();
    const byHost = routes.index('byHost', (route) => route.host);
    const counts = store.single({
      name: 'counts',
      map: (fetch) => [fetch.count(byHost, 'x'), fetch.count(byHost, 'z')],
    });
    routes.set('a', { host: 'x', service: 's' });
    routes.set('b', { host: 'x', service: 's' });
    store.flush();
    assert.deepEqual(counts.get(''), [2, 0]);
    routes.set('a', { host: 'z', service: 's' });
    store.flush();
    assert.deepEqual(counts.get(''), [1, 1]);
    const runs = counts.runs;
    routes.set('c', { host: 'y', service: 's' });
    store.flush();
    assert.equal(counts.runs, runs);
  });

  it('drops equal outputs, so that nothing downstream runs', () => {
    const { store, routes, hosts } = plane();
    routes.set('a', { host: 'x', service: 's' });
    store.flush();
    const sequence = store.sequence;
    routes.set('a', { host: 'x', service: 's' });
    store.flush();
    assert.equal(store.sequence, sequence);
    assert.equal(hosts.runs, 1);
  });

  it('tells observers one coalesced change for a burst, and none for a change that was taken back', () => {
    const { store, routes } = plane();
    const seen: string[] = [];
    routes.observe((changes) =>
      seen.push(...changes.map((change) => `${change.key}:${change.old?.host}>${change.new?.host}`)),
    );
    routes.set('a', { host: 'x', service: 's' });
    routes.set('a', { host: 'y', service: 's' });
    routes.set('b', { host: 'x', service: 's' });
    routes.delete('b');
    store.flush();
    assert.deepEqual(seen, ['a:undefined>y']);
  });

  it('lets an output move from one input to another within a turn', () => {
    const store = new Store({ schedule: () => {} });
    const claims = store.table<string>('claims');
    const owners = store.derive(claims, { name: 'owners', map: (_fetch, claimed, key) => [[claimed, key]] });
    claims.set('a', 'prize');
    store.flush();
    claims.set('b', 'prize');
    claims.set('a', 'other');
    store.flush();
    assert.deepEqual(snapshot(owners), [
      ['other', 'a'],
      ['prize', 'b'],
    ]);
  });

  it('runs a transformation again for a change under its own key of an index that is joined to it', () => {
    const store = new Store({ schedule: () => {} });
    const people = store.table<string>('people');
    const notes = store.table<{ readonly about: string; readonly text: string }>('notes');
    const byPerson = notes.index('person', (note) => note.about);
    const noted = store.derive(people, {
      name: 'noted',
      joined: [byPerson],
      map: (_fetch, name, key) => [[key, `${name}${byPerson.get(key).map(({ text }) => ` ${text}`)}`]],
    });
    people.set('a', 'Ann');
    people.set('b', 'Bob');
    store.flush();
    notes.set('1', { about: 'a', text: 'late' });
    notes.set('2', { about: 'nobody', text: 'gone' });
    store.flush();
    assert.deepEqual([noted.get('a'), noted.get('b'), noted.size], ['Ann late', 'Bob', 2]);
    notes.delete('1');
    store.flush();
    assert.equal(noted.get('a'), 'Ann');
    assert.throws(() => {
      const later = new Store({ schedule: () => {} });
      const first = later.table<string>('first');
      const index = store.table<string>('late').index('late', (value) => value);
      later.derive(first, { name: 'reader', joined: [index], map: () => [] });
    }, /reader reads late/);
  });

  it('computes only the inputs for which a condition holds, or held', () => {
    const store = new Store({ schedule: () => {} });
    const people = store.table<{ readonly pets: number }>('people');
    const owners = store.derive(people, {
      name: 'owners',
      when: ({ pets }) => pets > 0,
      map: (_fetch, { pets }, key) => [[key, pets]],
    });
    people.set('a', { pets: 0 });
    people.set('b', { pets: 2 });
    store.flush();
    assert.deepEqual([owners.runs, [...owners.entries()]], [1, [['b', 2]]]);
    people.set('a', { pets: 1 });
    people.set('b', { pets: 0 });
    store.flush();
    assert.deepEqual([...owners.entries()], [['a', 1]]);
    people.delete('a');
    people.set('c', { pets: 3 });
    people.set('c', { pets: 0 });
    store.flush();
    assert.deepEqual([...owners.entries()], []);
  });

  it('picks one member of each index key, and another when that goes', () => {
    const store = new Store({ schedule: () => {} });
    const people = store.table<string>('people');
    const towns = store.pick([people.index('town', (town) => town)], { name: 'towns', map: (town) => `${town}!` });
    for (const key of ['a', 'b', 'c']) people.set(key, key === 'c' ? 'Rome' : 'Oslo');
    store.flush();
    assert.deepEqual(snapshot(towns), [
      ['Oslo', 'Oslo!'],
      ['Rome', 'Rome!'],
    ]);
    people.delete('a');
    people.delete('c');
    store.flush();
    assert.deepEqual(snapshot(towns), [['Oslo', 'Oslo!']]);
  });

  it('keeps up with an input that reads and gives more, then less, then nothing', () => {
    const store = new Store({ schedule: () => {} });
    const inputs = store.table<number>('inputs');
    const factor = store.table<number>('factor');
    const products = store.derive(inputs, {
      name: 'products',
      map: (fetch, count, key) =>
        Array.from({ length: count }, (_, i): [string, number] => [
          `${key}${i}`,
          i === 0 ? 1 : (fetch.get(factor, 'x') ?? 0) * i,
        ]),
    });
    for (const [count, x] of [
      [1, 1],
      [3, 1],
      [3, 2],
      [1, 2],
      [0, 3],
      [2, 3],
      [1, 3],
    ] as const) {
      inputs.set('a', count);
      inputs.set('b', 1);
      factor.set('x', x);
      store.flush();
      const expected = [['b0', 1], ...Array.from({ length: count }, (_, i) => [`a${i}`, i === 0 ? 1 : x * i])];
      assert.deepEqual(snapshot(products), expected.sort());
    }
    inputs.delete('a');
    store.flush();
    assert.deepEqual(snapshot(products), [['b0', 1]]);
    const { runs } = products;
    factor.set('x', 9);
    store.flush();
    assert.equal(products.runs, runs, 'nobody reads it any more');
  });

  it('refuses two inputs that give one output, and reading what was created later', () => {
    const store = new Store({ schedule: () => {} });
    const claims = store.table<string>('claims');
    store.derive(claims, { name: 'owners', map: (_fetch, claimed, key) => [[claimed, key]] });
    claims.set('a', 'prize');
    claims.set('b', 'prize');
    assert.throws(() => store.flush(), /owners: two inputs give the output prize/);

    const other = new Store({ schedule: () => {} });
    const first = other.table<string>('first');
    other.derive(first, { name: 'reader', map: (fetch) => [['x', fetch.all(late).length]] });
    const late = other.table<string>('late');
    first.set('a', 'b');
    assert.throws(() => other.flush(), /reader reads late/);
  });

  it('flushes by itself at the end of the turn', async () => {
    const store = new Store();
    const table = store.table<number>('t');
    const doubled = store.derive(table, { name: 'doubled', map: (_fetch, value, key) => [[key, value * 2]] });
    table.set('a', 1);
    assert.equal(doubled.get('a'), undefined);
    await store.settled();
    assert.equal(doubled.get('a'), 2);
  });
});

const operation = fc.oneof(
  fc.record({
    table: fc.constant('routes' as const),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.option(fc.record({ host: fc.constantFrom('x', 'y', 'z'), service: fc.constantFrom('s', 't') })),
  }),
  fc.record({
    table: fc.constant('services' as const),
    key: fc.constantFrom('s', 't'),
    value: fc.option(fc.record({ port: fc.nat(3) })),
  }),
  fc.constant({ table: 'flush' as const }),
);

describe('store properties', () => {
  it('incremental equals rebuild, deltas add up to the snapshot, order of arrival does not matter', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const live = plane();
        const replica = new Map<string, string[]>();
        live.hosts.observe((changes) => {
          for (const change of changes) {
            assert.deepEqual(replica.get(change.key), change.old);
            if (change.new === undefined) replica.delete(change.key);
            else replica.set(change.key, change.new);
          }
        });
        for (const op of operations) {
          if (op.table === 'flush') live.store.flush();
          else if (op.value === null) live[op.table].delete(op.key);
          else if (op.table === 'routes') live.routes.set(op.key, op.value);
          else live.services.set(op.key, op.value);
        }
        live.store.flush();

        const rebuilt = plane();
        for (const [key, value] of [...live.services.entries()].reverse()) rebuilt.services.set(key, value);
        for (const [key, value] of [...live.routes.entries()].reverse()) rebuilt.routes.set(key, value);
        rebuilt.store.flush();
        assert.deepEqual(snapshot(live.hosts), snapshot(rebuilt.hosts));
        assert.deepEqual(snapshot(live.count), snapshot(rebuilt.count));
        assert.deepEqual(
          [...replica].sort(([a], [b]) => (a < b ? -1 : 1)),
          snapshot(live.hosts),
        );
      }),
    );
  });
});
