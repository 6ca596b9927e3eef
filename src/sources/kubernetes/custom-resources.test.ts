import assert from 'node:assert/strict';
import type { RawObject } from '../../kube/index.ts';
import { SourceRig } from './testing/rig.ts';

const CRD = 'CustomResourceDefinition';

describe('custom resources of a Kubernetes source', () => {
  let rig: SourceRig;
  beforeEach(async () => {
    rig = await SourceRig.start();
  });
  afterEach(() => rig.close());

  const route = (name: string, more: Record<string, unknown> = {}): RawObject => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec: { hostnames: [`${name}.example.com`], ...more },
  });
  const set = (apiVersion: string, kind: string, name: string, port: number): RawObject => ({
    apiVersion,
    kind,
    metadata: { name },
    spec: { parentRef: { name: 'g' }, listeners: [{ name: 'l', port, protocol: 'HTTP' }] },
  });
  const routes = { selections: [{ kind: 'HTTPRoute' as const }] };
  const state = () => rig.source.kinds()[0]?.state;

  it('is ready without them, notices that they appear, and that they go', async () => {
    await rig.open(routes);
    assert.equal(state(), 'absent');
    await rig.untilWatched(CRD);
    rig.server.define('HTTPRoute', ['v1']);
    await rig.untilWatched(CRD, 'HTTPRoute');
    rig.server.write(route('a'));
    await rig.until(() => rig.recorder.has('a'));
    rig.server.undefine('HTTPRoute');
    await rig.until(() => !rig.recorder.has('a'));
    await rig.untilWatched(CRD);
    rig.server.define('HTTPRoute', ['v1']);
    await rig.untilWatched(CRD, 'HTTPRoute');
    rig.server.write(route('b'));
    await rig.until(() => rig.recorder.has('b'));
  });

  it('waits for a definition to be served: discovery lags behind', async () => {
    await rig.open(routes);
    await rig.untilWatched(CRD);
    rig.server.write({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: CRD,
      metadata: { name: 'httproutes.gateway.networking.k8s.io' },
    });
    const looked = () => rig.server.requests.filter((path) => path === '/apis/gateway.networking.k8s.io').length;
    await rig.server.until(() => looked() >= 3);
    rig.server.define('HTTPRoute', ['v1'], { definition: false });
    await rig.untilWatched(CRD, 'HTTPRoute');
  });

  it('takes the version that is known best, and changes to a better one that is served later', async () => {
    rig.server.define('HTTPRoute', ['v1beta1', 'v2']);
    rig.server.write({ ...route('a'), apiVersion: 'gateway.networking.k8s.io/v1beta1' });
    await rig.open(routes);
    assert.equal(rig.source.kinds()[0]?.version, 'v1beta1');
    assert.equal(rig.object('a')?.apiVersion, 'gateway.networking.k8s.io/v1');
    await rig.untilWatched(CRD, 'HTTPRoute');
    rig.server.define('HTTPRoute', ['v1beta1', 'v1', 'v2']);
    await rig.server.until(() => rig.source.kinds()[0]?.version === 'v1');
    await rig.untilWatched(CRD, 'HTTPRoute');
    assert.equal(rig.recorder.batches.length, 1);
  });

  it('does not believe a 404 of a server that still has the definition', async () => {
    rig.server.define('HTTPRoute', ['v1']);
    rig.server.write(route('a'));
    await rig.open(routes);
    await rig.untilWatched(CRD, 'HTTPRoute');
    rig.server.intercept = (_request, _response, url) => (url.pathname.includes('gateway.networking') ? 404 : false);
    rig.server.cutWatches();
    const refused = () => rig.server.requests.filter((path) => path === '/apis/gateway.networking.k8s.io').length;
    await rig.server.until(() => refused() >= 3);
    assert.ok(rig.recorder.has('a'));
    rig.server.intercept = () => false;
    rig.server.write(route('b'));
    await rig.until(() => rig.recorder.has('b'));
    assert.deepEqual(rig.recorder.deleted, []);
  });

  it('goes without word of definitions where these may not be watched', async () => {
    rig.server.define('HTTPRoute', ['v1']);
    rig.server.write(route('a'));
    rig.server.intercept = (_request, _response, url) =>
      url.pathname.includes('customresourcedefinitions') ? 403 : false;
    await rig.open(routes);
    assert.ok(rig.recorder.has('a'));
    await rig.until(() => rig.faults.length > 0);
    assert.match(rig.faults[0]?.message ?? '', /customresourcedefinitions/);
  });

  it('passes on neither statuses nor what it leaves out', async () => {
    rig.server.define('HTTPRoute', ['v1']);
    rig.server.write(route('a'));
    await rig.open(routes);
    await rig.untilWatched(CRD, 'HTTPRoute');
    rig.server.write({ ...route('a'), status: { parents: [] } });
    rig.server.write({
      ...route('a'),
      metadata: { name: 'a', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
    });
    rig.server.write({ ...route('a'), metadata: { name: 'a', annotations: { real: 'change' } } });
    await rig.until(() => rig.object('a')?.metadata.annotations.real === 'change');
    assert.equal(rig.recorder.batches.length, 2);
    assert.deepEqual(rig.object('a')?.metadata.annotations, { real: 'change' });
  });

  it('sees that an object was made anew, though nothing in it is different', async () => {
    rig.server.define('HTTPRoute', ['v1']);
    rig.server.write(route('a'));
    await rig.open(routes);
    const before = rig.object('a')?.metadata.uid;
    await rig.untilWatched(CRD, 'HTTPRoute');
    rig.server.remove('HTTPRoute', 'a');
    rig.server.write(route('a'));
    await rig.until(() => rig.object('a') !== undefined && rig.object('a')?.metadata.uid !== before);
  });

  it('keeps an object in force that has a field of a newer API, with a warning', async () => {
    rig.server.define('HTTPRoute', ['v1']);
    rig.server.write(route('a', { novelty: true }));
    await rig.open(routes);
    assert.ok(rig.recorder.has('a'));
    assert.deepEqual(
      rig.recorder.diagnostics.map(({ severity, reason, field, object }) => [severity, reason, field, object?.name]),
      [['warning', 'UnknownField', 'spec.novelty', 'a']],
    );
  });

  it('reads XListenerSets as ListenerSets, which come first where both have a name', async () => {
    const sets = { selections: [{ kind: 'ListenerSet' as const }] };
    const group = 'gateway.networking.k8s.io/v1';
    const xGroup = 'gateway.networking.x-k8s.io/v1alpha1';
    const port = () => {
      const object = rig.object('s');
      return object?.kind === 'ListenerSet' ? object.spec.listeners[0]?.port : undefined;
    };
    rig.server.define('XListenerSet', ['v1alpha1']);
    rig.server.write(set(xGroup, 'XListenerSet', 's', 1001));
    await rig.open(sets);
    assert.equal(port(), 1001);
    await rig.untilWatched(CRD, 'XListenerSet');
    rig.server.define('ListenerSet', ['v1']);
    await rig.untilWatched(CRD, 'XListenerSet', 'ListenerSet');
    rig.server.write(set(group, 'ListenerSet', 's', 1002));
    await rig.until(() => port() === 1002);
    rig.server.write(set(xGroup, 'XListenerSet', 's', 1003));
    rig.server.write(set(xGroup, 'XListenerSet', 'other', 1004));
    await rig.until(() => rig.recorder.has('other'));
    assert.equal(port(), 1002);
    rig.server.remove('ListenerSet', 's');
    await rig.until(() => port() === 1003);
    rig.server.remove('XListenerSet', 's');
    await rig.until(() => !rig.recorder.has('s'));
  });
});
