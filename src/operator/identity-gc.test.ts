import assert from 'node:assert/strict';
import { UNUSED_MARK } from '../network/identity/index.ts';
import { IdentityGc } from './identity-gc.ts';
import { FakeApi, fault } from './testing/fake-api.ts';
import { silent } from './testing/rig.ts';

const identityPath = (id: number | string) => `/apis/cilium.io/v2/ciliumidentities/${id}`;
const endpointPath = (name: string) => `/apis/cilium.io/v2/namespaces/default/ciliumendpoints/${name}`;
const { signal } = new AbortController();

class Rig {
  readonly api = new FakeApi();
  time = 0;
  gc = this.leader();

  leader(): IdentityGc {
    return new IdentityGc({
      client: this.api.client('operator'),
      interval: 900_000,
      grace: 1000,
      log: silent,
      now: () => this.time,
    });
  }
  identity(id: number | string): void {
    this.api.put(identityPath(id), { metadata: { name: `${id}` }, 'security-labels': { 'k8s:app': `${id}` } });
  }
  endpoint(name: string, id: unknown): void {
    this.api.put(endpointPath(name), {
      metadata: { name, namespace: 'default' },
      status: { id: 7, identity: { id, labels: [] } },
    });
  }
  has(id: number | string): boolean {
    return this.api.objects.has(identityPath(id));
  }
  isMarked(id: number): boolean {
    return this.api.objects.get(identityPath(id))?.metadata?.annotations?.[UNUSED_MARK] !== undefined;
  }
  async pass(after = 0): Promise<void> {
    this.time += after;
    await this.gc.pass(signal);
  }
}

describe('garbage collection of identities', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });

  it('marks what no endpoint has, and deletes it when the grace is over', async () => {
    rig.identity(300);
    rig.identity(301);
    rig.endpoint('pod', 301);
    await rig.pass();
    assert.ok(rig.isMarked(300) && !rig.isMarked(301));
    await rig.pass(999);
    assert.ok(rig.has(300));
    await rig.pass(1);
    assert.ok(!rig.has(300) && rig.has(301));
    assert.equal(rig.gc.deleted, 1);
  });

  it('takes the mark off what is used again', async () => {
    rig.identity(300);
    await rig.pass();
    rig.endpoint('pod', 300);
    await rig.pass(5000);
    assert.ok(rig.has(300) && !rig.isMarked(300));
    await rig.api.client().request({ method: 'DELETE', path: endpointPath('pod') });
    await rig.pass(5000);
    assert.ok(rig.has(300) && rig.isMarked(300));
  });

  it('counts the grace anew when somebody has written to it, and when another leads', async () => {
    rig.identity(300);
    await rig.pass();
    await rig.api.client('agent').request({
      method: 'PATCH',
      path: identityPath(300),
      body: { metadata: { labels: { touched: 'yes' } } },
    });
    await rig.pass(1000);
    assert.ok(rig.has(300));
    rig.gc = rig.leader();
    await rig.pass(1000);
    assert.ok(rig.has(300));
    await rig.pass(1000);
    assert.ok(!rig.has(300));
  });

  it('does not delete what an agent takes up in between', async () => {
    rig.identity(300);
    await rig.pass();
    rig.api.before = async ({ method }, who) => {
      if (method !== 'DELETE' || who !== 'operator') return;
      await rig.api.client('agent').request({
        method: 'PATCH',
        path: identityPath(300),
        body: { metadata: { annotations: { [UNUSED_MARK]: null } } },
      });
    };
    await rig.pass(1000);
    assert.ok(rig.has(300) && !rig.isMarked(300));
    assert.equal(rig.gc.deleted, 0);
  });

  it('concludes nothing from endpoints that could not be read', async () => {
    rig.identity(300);
    await rig.pass();
    rig.api.before = ({ path }) => {
      if (path.endsWith('/ciliumendpoints')) throw fault(500, 'InternalError');
    };
    await assert.rejects(rig.pass(1000));
    assert.ok(rig.has(300));
  });

  it('leaves alone what is no number of this cluster', async () => {
    for (const id of [1, 255, 65536, '0300', 'foreign']) rig.identity(id);
    await rig.pass();
    await rig.pass(1000);
    await rig.pass(1000);
    assert.deepEqual(
      [1, 255, 65536, '0300', 'foreign'].filter((id) => !rig.has(id)),
      [],
    );
    assert.ok(!rig.api.log.some((line) => line.startsWith('PATCH')));
  });
});
