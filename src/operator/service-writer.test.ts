import assert from 'node:assert/strict';
import { type Diagnostic, GATEWAY_GROUP, type ObjectRef } from '../api/index.ts';
import type { LoadBalancerService } from '../mesh/model/index.ts';
import { ServiceWriter } from './service-writer.ts';
import { fault } from './testing/fake-api.ts';
import { Cluster, silent } from './testing/rig.ts';

const service = (name: string): ObjectRef => ({ group: '', kind: 'Service', namespace: 'shop', name });

function wanted(name: string, rest: Partial<LoadBalancerService['metadata']> = {}, port = 80): LoadBalancerService {
  const owner = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    name,
    uid: `uid-${name}`,
    controller: true as const,
  };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `cilium-gateway-${name}`,
      namespace: 'shop',
      labels: { 'io.cilium.gateway/owning-gateway': name },
      annotations: {},
      ownerReferences: [owner],
      ...rest,
    },
    spec: {
      type: 'LoadBalancer',
      ports: [{ name: 'http', protocol: 'TCP', port }],
      externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: false,
    },
  };
}

class Rig extends Cluster {
  readonly desired = this.store.table<LoadBalancerService>('desired');
  readonly problems = this.store.table<readonly Diagnostic[]>('problems');
  readonly writer = new ServiceWriter({
    client: this.api.client('operator'),
    live: this.live,
    desired: this.desired,
    problems: this.problems,
    log: silent,
  });
  want(...services: LoadBalancerService[]): void {
    for (const one of services) this.desired.set(`shop/${one.metadata.name}`, one);
    this.store.flush();
  }
  writes(): string[] {
    return this.api.log.filter((line) => !line.startsWith('GET'));
  }
  override close(): void {
    this.writer.stop();
    super.close();
  }
}

describe('a writer of load balancer Services', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
    rig.follow('Service');
  });
  afterEach(() => rig.close());

  it('makes them, changes what differs, leaves what others have added, and is quiet then', async () => {
    rig.writer.start();
    rig.want(wanted('a'));
    await rig.writer.idle();
    assert.equal(rig.get(service('cilium-gateway-a')).kind, 'Service');
    const made = rig.get(service('cilium-gateway-a'));
    const metadata = { ...made.metadata, labels: { ...(made.metadata!.labels as object), 'other.io/x': 'y' } };
    rig.create(service('cilium-gateway-a'), { ...made, metadata });
    await rig.writer.idle();
    assert.equal(rig.writes().length, 1);
    rig.want(wanted('a', {}, 8080));
    await rig.writer.idle();
    assert.equal(rig.writes().length, 2);
    assert.deepEqual((rig.get(service('cilium-gateway-a')).spec as LoadBalancerService['spec']).ports[0]!.port, 8080);
  });

  it('takes away labels and annotations that it has set, when they are wanted no more', async () => {
    rig.writer.start();
    rig.want(wanted('a', { annotations: { 'lbipam.cilium.io/ips': '10.0.0.1' } }));
    await rig.writer.idle();
    rig.want(wanted('a'));
    await rig.writer.idle();
    assert.equal(rig.writes().length, 2);
    assert.deepEqual(rig.get(service('cilium-gateway-a')).metadata!.annotations, {});
  });

  it('deletes those that nobody wants, and only those that it has made', async () => {
    const gateway = (name: string): ObjectRef => ({ group: GATEWAY_GROUP, kind: 'Gateway', namespace: 'shop', name });
    for (const name of ['a', 'b', 'c']) rig.create(gateway(name), { metadata: { uid: `uid-${name}` } });
    rig.create(service('cilium-gateway-of-cilium'), { spec: { type: 'LoadBalancer' } });
    rig.create(service('lb'), { spec: { type: 'LoadBalancer' } });
    rig.want(wanted('a'), wanted('b'), wanted('c'));
    rig.writer.start();
    await rig.writer.idle();
    rig.desired.delete('shop/cilium-gateway-a');
    // With its Gateway it is the garbage collector's.
    rig.live.delete(gateway('c'));
    rig.desired.delete('shop/cilium-gateway-c');
    rig.store.flush();
    await rig.writer.idle();
    const names = [...rig.api.objects.keys()].flatMap((path) => /services\/(.*)$/.exec(path)?.[1] ?? []).sort();
    assert.deepEqual(names, ['cilium-gateway-b', 'cilium-gateway-c', 'cilium-gateway-of-cilium', 'lb']);
  });

  it('makes a new one for another class', async () => {
    rig.writer.start();
    rig.want(wanted('a'));
    await rig.writer.idle();
    const one = wanted('a');
    rig.want({ ...one, spec: { ...one.spec, loadBalancerClass: 'example.com/lb' } });
    while (rig.writes().length < 3) await new Promise(setImmediate);
    await rig.writer.idle();
    const path = '/api/v1/namespaces/shop/services/cilium-gateway-a';
    assert.deepEqual(rig.writes().slice(1), [`DELETE ${path}`, `PATCH ${path}`]);
    assert.equal(
      (rig.get(service('cilium-gateway-a')).spec as LoadBalancerService['spec']).loadBalancerClass,
      'example.com/lb',
    );
  });

  it('takes over what the same owner has there already', async () => {
    const { metadata, spec } = wanted('a');
    rig.create(service('cilium-gateway-a'), { metadata: { ...metadata, labels: {} }, spec });
    rig.want(wanted('a'));
    rig.writer.start();
    await rig.writer.idle();
    assert.deepEqual(rig.get(service('cilium-gateway-a')).metadata!.labels, wanted('a').metadata.labels);
    assert.equal(rig.problems.size, 0);
  });

  it('does not touch what somebody else has made under the name, and tells the owner until it is gone', async () => {
    const foreign = service('cilium-gateway-a');
    rig.create(foreign, { spec: { type: 'ClusterIP', selector: { a: 'b' } } });
    rig.want(wanted('a'));
    rig.writer.start();
    await rig.writer.idle();
    assert.deepEqual(rig.writes(), []);
    const key = 'Gateway.gateway.networking.k8s.io/shop/a';
    assert.equal(rig.problems.get(key)?.[0]?.reason, 'ServiceNameTaken');
    await rig.api.client().request({ method: 'DELETE', path: '/api/v1/namespaces/shop/services/cilium-gateway-a' });
    while (rig.problems.size > 0) await new Promise(setImmediate);
    assert.equal((rig.get(foreign).spec as LoadBalancerService['spec']).type, 'LoadBalancer');
  });

  it('waits for the one of a Gateway before it of the same name to go', async () => {
    const gateway: ObjectRef = { group: GATEWAY_GROUP, kind: 'Gateway', namespace: 'shop', name: 'a' };
    rig.create(gateway, { metadata: { uid: 'uid-a' } });
    rig.writer.start();
    rig.want(wanted('a'));
    await rig.writer.idle();
    rig.create(gateway, { metadata: { uid: 'uid-new' } });
    const { ownerReferences } = wanted('a').metadata;
    const again = wanted('a', { ownerReferences: [{ ...ownerReferences![0]!, uid: 'uid-new' }] });
    rig.want(again);
    await rig.writer.idle();
    assert.equal(rig.problems.size, 0);
    assert.equal(rig.writes().length, 1);
    await rig.api.client().request({ method: 'DELETE', path: '/api/v1/namespaces/shop/services/cilium-gateway-a' });
    while (rig.writes().length < 3) await new Promise(setImmediate);
    await rig.writer.idle();
    assert.deepEqual(rig.get(service('cilium-gateway-a')).metadata!.ownerReferences, again.metadata.ownerReferences);
  });

  it('does not overwrite what it has not heard of yet', async () => {
    rig.close();
    rig = new Rig();
    rig.api.put('/api/v1/namespaces/shop/services/cilium-gateway-a', {
      metadata: { name: 'cilium-gateway-a' },
      spec: { type: 'ClusterIP' },
    });
    rig.want(wanted('a'));
    rig.writer.start();
    while (rig.problems.size === 0) await new Promise(setImmediate);
    assert.deepEqual(rig.get(service('cilium-gateway-a')).spec, { type: 'ClusterIP' });
  });

  it('gets there through a server that is in trouble', async () => {
    let asked = 0;
    rig.api.before = ({ method }, who) => {
      if (who === 'operator' && method !== 'GET' && asked++ % 2 === 0) throw fault(503, 'ServiceUnavailable');
    };
    rig.want(...Array.from({ length: 10 }, (_, i) => wanted(`g${i}`)));
    rig.writer.start();
    await rig.writer.idle();
    assert.equal(rig.api.objects.size, 10);
  });
});
