import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubeClient, KubeFault, openKube, pathOf, type RawObject, resourceOf } from '../src/kube/index.ts';
import type { Fault } from '../src/lib/fault.ts';
import { type KubernetesSource, openKubernetesSource, type Selection } from '../src/sources/index.ts';
import { Recorder } from '../src/sources/testing/recorder.ts';
import { Store } from '../src/store/index.ts';
import { gatewayCrds } from './conformance/gateway/module.ts';
import { type ClusterRig, useCluster } from './support/cluster-rig.ts';
import { CutOff } from './support/cut-off.ts';
import { until } from './support/until.ts';

const root = join(import.meta.dirname, '..');

const NS = 'source';

/** ms for what an API server takes seconds to do on a machine at rest. */
const PATIENCE = 300_000;

/** Routes and Services that the agent must hold in 250 MB. */
const MANY = 5000;

describe('a real API server as a source', () => {
  const cluster = useCluster({ name: 'source', nodes: 1, dns: false, cni: 'none', proxy: 'none' });
  let rig: ClusterRig;
  let folder: string;
  let line: CutOff;
  let client: KubeClient;
  let source: KubernetesSource | undefined;
  let recorder: Recorder;
  let faults: Fault[];

  before(async () => {
    rig = cluster();
    folder = mkdtempSync(join(tmpdir(), 'sluice-source-'));
    line = await CutOff.to(rig.settings.apiPort);
    line.kubeconfig(rig.kubeconfig, join(folder, 'kubeconfig'));
    await write(rig.kube, 'Namespace', { metadata: { name: NS } });
  });
  after(async () => {
    await line.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    recorder = new Recorder();
    faults = [];
    client = openKube({ kubeconfig: join(folder, 'kubeconfig'), userAgent: 'sluice-source-test' });
  });
  afterEach(async () => {
    await source?.close();
    client.close();
  });

  const open = async (selections: readonly Selection[], settled?: () => Promise<void>): Promise<KubernetesSource> => {
    const options = settled === undefined ? {} : { settled };
    const onFault = (fault: Fault): void => {
      faults.push(fault);
    };
    const { sink, onDiagnostics } = recorder;
    source = openKubernetesSource({ client, selections, sink, onDiagnostics, onFault, ...options });
    await source.ready;
    return source;
  };
  const maps: readonly Selection[] = [{ kind: 'ConfigMap', namespace: NS }];
  const map = (name: string, value: string): RawObject => ({ metadata: { name, namespace: NS }, data: { value } });
  const value = (name: string): string | undefined => {
    const object = [...recorder.objects.values()].find(({ metadata }) => metadata.name === name);
    return object?.kind === 'ConfigMap' ? object.data.value : undefined;
  };

  it('goes through a restart of the API server: nothing is forgotten, and nothing told twice', async () => {
    await write(rig.kube, 'ConfigMap', map('a', '1'));
    await open(maps);
    assert.equal(value('a'), '1');
    const apiServer = rig.component('kube-apiserver');
    await apiServer.stop();
    await until('a fault', () => faults.some(({ code }) => code === 'KUBE_UNREACHABLE'), PATIENCE);
    assert.equal(value('a'), '1');
    await apiServer.start();
    const writes = () => tried(() => write(rig.kube, 'ConfigMap', map('a', '2')));
    await until('an API server that takes writes', writes, PATIENCE);
    await recorder.until(() => value('a') === '2');
    assert.deepEqual(recorder.deleted, []);
  });

  it('lists again when etcd was compacted while it was cut off, and passes on only what is different', async () => {
    for (const name of ['same', 'changed', 'removed']) await write(rig.kube, 'ConfigMap', map(name, '1'));
    const opened = await open(maps);
    const before = recorder.batches.length;
    line.cut();
    await write(rig.kube, 'ConfigMap', map('changed', '2'));
    await write(rig.kube, 'ConfigMap', map('added', '1'));
    const path = pathOf('ConfigMap', { namespace: NS, name: 'removed' });
    await rig.kube.request({ method: 'DELETE', path });
    await compact();
    // The new one's watch cache begins now: what was before, only etcd could tell.
    const apiServer = rig.component('kube-apiserver');
    await apiServer.stop();
    await apiServer.start();
    line.restore();
    await recorder.until(() => value('changed') === '2' && value('added') === '1' && !recorder.has('removed'));
    const told = recorder.batches.slice(before).flatMap(({ changes }) => changes);
    assert.deepEqual(told.map((change) => (change.op === 'set' ? change.object.metadata : change.ref).name).sort(), [
      'added',
      'changed',
      'removed',
    ]);
    assert.equal(opened.kinds()[0]?.lists, 2);
  });

  it('adds up to what is there after many writes at once', async () => {
    await open(maps);
    await Promise.all(Array.from({ length: 200 }, (_, i) => write(rig.kube, 'ConfigMap', map(`m${i % 40}`, `${i}`))));
    const listed = await rig.kube.request<{ items: RawObject[] }>({
      method: 'GET',
      path: pathOf('ConfigMap', { namespace: NS }),
    });
    const expected = new Map(
      listed.items.map(({ metadata, data }) => [metadata?.name, (data as { value?: string }).value]),
    );
    await recorder.until(() =>
      [...expected].every(([name, text]) => name === 'kube-root-ca.crt' || value(name ?? '') === text),
    );
  });

  it('notices definitions that are installed, and that are removed', async () => {
    const opened = await open([{ kind: 'CiliumEnvoyConfig' }]);
    assert.equal(opened.kinds()[0]?.state, 'absent');
    const crd = readFileSync(join(root, 'manifests/crds/ciliumenvoyconfigs.yaml'), 'utf8');
    await rig.apply(crd);
    await until('the kind being watched', () => opened.kinds()[0]?.state === 'watching', PATIENCE);
    await write(rig.kube, 'CiliumEnvoyConfig', {
      metadata: { name: 'made-later', namespace: NS },
      spec: { resources: [{ '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: 'l' }] },
    });
    await recorder.until(() => recorder.has('made-later'));
    await rig.remove(crd);
    await recorder.until(() => !recorder.has('made-later'));
    await until('the kind being gone', () => opened.kinds()[0]?.state === 'absent', PATIENCE);
  });

  it('asks for Secrets by name, and for those that something refers to', async () => {
    const store = new Store();
    const users = store.table<string>('users');
    const secrets = store.table<string>('secrets');
    store.derive(users, { name: 'uses', map: (fetch, name, key) => [[key, fetch.get(secrets, name) ?? '']] });
    for (const name of ['wanted', 'later', 'private'])
      await write(rig.kube, 'Secret', { metadata: { name, namespace: NS }, stringData: { value: name } });
    users.set('a', `${NS}/wanted`);
    await open([{ kind: 'Secret', demand: secrets.demand }], () => store.settled());
    assert.deepEqual(recorder.names, ['wanted']);
    users.set('b', `${NS}/later`);
    await recorder.until(() => recorder.has('later'));
    users.delete('a');
    await recorder.until(() => !recorder.has('wanted'));
    assert.deepEqual(recorder.names, ['later']);
    const asked = rig
      .audit()
      .filter((event) => event.userAgent === 'sluice-source-test' && event.objectRef?.resource === 'secrets');
    assert.ok(asked.length > 0);
    assert.deepEqual(
      asked.filter(({ requestURI }) => !/[?&]fieldSelector=metadata\.name%3D(?:wanted|later)(?:&|$)/.test(requestURI)),
      [],
    );
  });

  it('says what a user may not do, and which rule is missing', async () => {
    await write(rig.kube, 'ServiceAccount', { metadata: { name: 'nobody', namespace: NS } });
    const token = await rig.kubectl('create', 'token', 'nobody', '--namespace', NS);
    const config = JSON.parse(await rig.kubectl('config', 'view', '--raw', '-o', 'json'));
    config.users = config.users.map(({ name }: { name: string }) => ({ name, user: { token: token.trim() } }));
    writeFileSync(join(folder, 'nobody'), JSON.stringify(config), { mode: 0o600 });
    const nobody = openKube({ kubeconfig: join(folder, 'nobody'), userAgent: 'sluice-source-test' });
    const error = await nobody.request({ method: 'GET', path: pathOf('Service') }).catch((thrown) => thrown);
    nobody.close();
    assert.ok(error instanceof KubeFault);
    assert.equal(error.code, 'KUBE_FORBIDDEN');
    assert.equal(
      error.hint,
      `grant ServiceAccount ${NS}/nobody the verb list on apiGroup "", resource "services" in a role that is bound to it`,
    );
  });

  it(`holds ${MANY} routes with a Service each in a process of less than 250 MB`, async () => {
    for (const file of globSync('*_httproutes.yaml', { cwd: gatewayCrds() }))
      await rig.apply(readFileSync(join(gatewayCrds(), file), 'utf8'));
    await until(
      'HTTPRoutes',
      () => tried(() => rig.kube.request({ method: 'GET', path: pathOf('HTTPRoute') })),
      PATIENCE,
    );
    await many(MANY, async (i) => {
      await create(rig.kube, 'Service', {
        metadata: { name: `s${i}`, namespace: NS },
        spec: { ports: [{ port: 80 }] },
      });
      await create(rig.kube, 'HTTPRoute', {
        metadata: { name: `r${i}`, namespace: NS },
        spec: { hostnames: [`r${i}.example.com`], rules: [{ backendRefs: [{ name: `s${i}`, port: 80 }] }] },
      });
    });
    const report = await measure(join(folder, 'kubeconfig'), ['Service', 'EndpointSlice', 'HTTPRoute']);
    console.log(`      ${report.objects} objects in ${report.ms} ms, ${report.megabytes} MB resident`);
    assert.ok(report.objects >= 2 * MANY);
    assert.ok(report.megabytes < 250, `${report.megabytes} MB`);
  });

  async function compact(): Promise<void> {
    const { metadata } = await rig.kube.request<RawObject>({
      method: 'GET',
      path: pathOf('ConfigMap', { namespace: NS }),
    });
    const reply = await rig.fetch('http://127.0.0.1:2379/v3/kv/compaction', {
      method: 'POST',
      body: JSON.stringify({ revision: metadata?.resourceVersion, physical: true }),
    });
    assert.equal(reply.status, 200, reply.body);
  }
});

/** Creates or replaces, as somebody who does not look. */
async function write(kube: KubeClient, kind: string, object: RawObject): Promise<void> {
  const { namespace, name } = object.metadata ?? {};
  const path = pathOf(kind, { ...(namespace === undefined ? {} : { namespace }), name: name as string });
  const query = { fieldManager: 'test', force: 'true' };
  const body = typed(kind, object);
  await kube.request({ method: 'PATCH', path, query, contentType: 'application/apply-patch+yaml', body });
}

/** Costs the server half of that. */
async function create(kube: KubeClient, kind: string, object: RawObject): Promise<void> {
  const { namespace } = object.metadata ?? {};
  const path = pathOf(kind, namespace === undefined ? {} : { namespace });
  await kube.request({ method: 'POST', path, body: typed(kind, object) });
}

function typed(kind: string, object: RawObject): RawObject {
  const { group, versions } = resourceOf(kind);
  return { apiVersion: group === '' ? `${versions[0]}` : `${group}/${versions[0]}`, kind, ...object };
}

async function many(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

/** Whether it works now: an API server that has just started may refuse for a while. */
async function tried(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof KubeFault) return false;
    throw error;
  }
}

interface Report {
  readonly objects: number;
  readonly ms: number;
  readonly megabytes: number;
}

/** In a process of its own, as memory is a process's. */
function measure(kubeconfig: string, kinds: readonly string[]): Promise<Report> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'support/source-child.ts'), [kubeconfig, ...kinds]);
    child.once('message', (report) => resolve(report as Report));
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)));
  });
}
