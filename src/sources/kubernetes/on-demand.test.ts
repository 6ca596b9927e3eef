import assert from 'node:assert/strict';
import { Store } from '../../store/index.ts';
import type { Demand } from './on-demand.ts';
import { SourceRig } from './testing/rig.ts';

/** A demand that a test raises and lowers. */
class TestDemand implements Demand {
  readonly #keys = new Set<string>();
  readonly #observers = new Set<(added: readonly string[], removed: readonly string[]) => void>();

  keys(): Iterable<string> {
    return this.#keys;
  }

  observe(observer: (added: readonly string[], removed: readonly string[]) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  raise(...keys: string[]): void {
    for (const key of keys) this.#keys.add(key);
    for (const observer of this.#observers) observer(keys, []);
  }

  lower(...keys: string[]): void {
    for (const key of keys) this.#keys.delete(key);
    for (const observer of this.#observers) observer([], keys);
  }
}

describe('objects on demand of a Kubernetes source', () => {
  let rig: SourceRig;
  let demand: TestDemand;
  beforeEach(async () => {
    rig = await SourceRig.start();
    demand = new TestDemand();
    for (const name of ['a', 'b', 'c']) secret(name);
  });
  afterEach(() => rig.close());

  const secret = (name: string, value = '1', namespace = 'default') =>
    rig.server.write({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace },
      data: { value: Buffer.from(value).toString('base64') },
    });
  const value = (name: string) => {
    const object = rig.object(name);
    return object?.kind === 'Secret' ? Buffer.from(object.data.value ?? []).toString() : undefined;
  };
  const open = () => rig.open({ selections: [{ kind: 'Secret', demand }] });

  it('asks for what is wanted, and for nothing else', async () => {
    demand.raise('default/a', 'default/absent');
    await open();
    assert.deepEqual(rig.recorder.names, ['a']);
    demand.raise('default/b');
    await rig.until(() => rig.recorder.has('b'));
    secret('b', '2');
    await rig.until(() => value('b') === '2');
    secret('absent');
    await rig.until(() => rig.recorder.has('absent'));
    assert.ok(
      rig.server.requests.filter((path) => path.includes('secrets')).every((path) => path.includes('metadata.name')),
    );
    assert.equal(rig.source.kinds()[0]?.objects, 3);
  });

  it('drops what is not wanted any more, and does not watch it', async () => {
    demand.raise('default/a', 'default/b');
    await open();
    demand.lower('default/a');
    await rig.until(() => !rig.recorder.has('a'));
    await rig.untilWatched('Secret');
    demand.raise('default/a');
    await rig.until(() => rig.recorder.has('a'));
  });

  it('does not ask for names that no object can have', async () => {
    demand.raise('default/UPPER', 'default/', '/a', 'a', 'default/a,metadata.name=b', 'x/y/z', '../a');
    await open();
    assert.ok(!rig.server.requests.some((path) => path.includes('secrets')));
  });

  it('is ready though one of them may not be read, says so, and has it once that is granted', async () => {
    secret('d', '1', 'closed');
    let granted = false;
    rig.server.intercept = (_request, _response, url) => (url.pathname.includes('/closed/') && !granted ? 403 : false);
    demand.raise('default/a', 'closed/d');
    await open();
    await rig.until(() => rig.recorder.diagnostics.length === 1);
    assert.equal(rig.recorder.diagnostics[0]?.reason, 'Forbidden');
    assert.deepEqual(rig.recorder.diagnostics[0]?.object, {
      group: '',
      kind: 'Secret',
      namespace: 'closed',
      name: 'd',
    });
    granted = true;
    await rig.until(() => rig.recorder.has('d') && rig.recorder.diagnostics.length === 0);
  });

  it('is ready when all is there that what is there refers to', async () => {
    const store = new Store();
    const maps = store.table<string>('maps');
    const secrets = store.table<string>('secrets');
    store.derive(maps, { name: 'uses', map: (fetch, name, key) => [[key, fetch.get(secrets, name) ?? '']] });
    rig.server.write({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { secret: 'default/b' } });
    const source = rig.begin({
      selections: [{ kind: 'ConfigMap' }, { kind: 'Secret', demand: secrets.demand }],
      settled: () => store.settled(),
      sink: (batch) => {
        rig.recorder.sink(batch);
        for (const change of batch.changes)
          if (change.op === 'set' && change.object.kind === 'ConfigMap')
            maps.set(change.object.metadata.name, change.object.data.secret ?? '');
      },
    });
    await source.ready;
    assert.deepEqual(rig.recorder.names, ['b', 'm']);
  });
});
