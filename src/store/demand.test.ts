import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Store } from './index.ts';

describe('demand', () => {
  function plane() {
    const store = new Store({ schedule: () => {} });
    const routes = store.table<{ secret?: string }>('routes');
    const secrets = store.table<string>('secrets');
    store.derive(routes, {
      name: 'lines',
      map: (fetch, { secret }, key) => (secret === undefined ? [] : [[key, fetch.get(secrets, secret) ?? 'none']]),
    });
    return { store, routes, secrets };
  }

  it('is of what is read, whether it is there or not', () => {
    const { store, routes, secrets } = plane();
    secrets.set('unused', 'x');
    routes.set('a', { secret: 'absent' });
    store.flush();
    assert.deepEqual([...secrets.demand.keys()], ['absent']);
    routes.delete('a');
    store.flush();
    assert.deepEqual([...secrets.demand.keys()], []);
  });

  it('tells nothing of what is dropped and taken up again in one turn', () => {
    const { store, routes, secrets } = plane();
    let told = 0;
    secrets.demand.observe(() => told++);
    routes.set('a', { secret: 's' });
    store.flush();
    secrets.set('s', '1');
    store.flush();
    routes.set('b', { secret: 's' });
    routes.delete('a');
    store.flush();
    assert.equal(told, 1);
    assert.deepEqual([...secrets.demand.keys()], ['s']);
  });

  it('is what the inputs refer to, and what it told adds up to it', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const edit = fc.oneof(
      fc.record({ op: fc.constant('route' as const), key: name, secret: fc.option(name, { nil: undefined }) }),
      fc.record({ op: fc.constant('drop' as const), key: name }),
      fc.record({ op: fc.constant('secret' as const), key: name, value: fc.option(fc.constantFrom('1', '2')) }),
      fc.record({ op: fc.constant('flush' as const) }),
    );
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 40 }), (edits) => {
        const { store, routes, secrets } = plane();
        const summed = new Set<string>();
        secrets.demand.observe((added, removed) => {
          for (const key of added) assert.ok(!summed.has(key));
          for (const key of added) summed.add(key);
          for (const key of removed) assert.ok(summed.delete(key));
        });
        for (const each of edits) {
          if (each.op === 'route') routes.set(each.key, each.secret === undefined ? {} : { secret: each.secret });
          else if (each.op === 'drop') routes.delete(each.key);
          else if (each.op === 'flush') store.flush();
          else if (each.value === null) secrets.delete(each.key);
          else secrets.set(each.key, each.value);
        }
        store.flush();
        const expected = new Set([...routes.values()].flatMap(({ secret }) => (secret === undefined ? [] : [secret])));
        assert.deepEqual([...summed].sort(), [...expected].sort());
        assert.deepEqual([...secrets.demand.keys()].sort(), [...expected].sort());
      }),
    );
  });
});
