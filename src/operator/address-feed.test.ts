import assert from 'node:assert/strict';
import { type ObjectRef, parseObject, refKey } from '../api/index.ts';
import { applyBatch, createTables } from '../mesh/inputs.ts';
import type { LoadBalancerService, ObjectStatus } from '../mesh/model/index.ts';
import { AddressFeed } from './address-feed.ts';
import { Cluster } from './testing/rig.ts';

const signal = new AbortController().signal;

class Rig extends Cluster {
  readonly tables = createTables(this.store);
  readonly own = this.store.table<LoadBalancerService>('own');
  readonly statuses = this.store.table<ObjectStatus>('statuses');
  readonly feed = new AddressFeed({
    client: this.api.client('operator'),
    tables: this.tables,
    own: this.own,
    statuses: this.statuses,
  });

  object(raw: object): void {
    const { object, diagnostics } = parseObject(raw);
    assert.ok(object, diagnostics.map(({ message }) => message).join());
    applyBatch(this.tables, { changes: [{ op: 'set', object }] });
  }
  service(name: string, status: object = {}, created = '2026-01-01T00:00:00Z'): void {
    const metadata = { name, namespace: 'default', creationTimestamp: created };
    this.object({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
      status,
    });
  }
  pool(cidr: string): void {
    this.object({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumLoadBalancerIPPool',
      metadata: { name: 'p' },
      spec: { blocks: [{ cidr }] },
    });
  }
  delete(kind: string, name: string, namespace?: string): void {
    const ref = { group: '', kind, name, ...(namespace === undefined ? {} : { namespace }) };
    applyBatch(this.tables, { changes: [{ op: 'delete', ref }] });
  }
  async settle(): Promise<void> {
    this.store.flush();
    await new Promise(setImmediate);
    this.store.flush();
  }
  ingressOf(name: string): unknown {
    const ref: ObjectRef = { group: '', kind: 'Service', namespace: 'default', name };
    return this.statuses.get(refKey(ref))?.value.loadBalancer;
  }
}

const at = (ip: string, ipMode = 'VIP') => ({ ingress: [{ ip, ipMode }] });

describe('addresses of load balancers', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => {
    rig.feed.stop();
    rig.close();
  });

  it('are given to Services as they come; those of Gateways are for a proxy', async () => {
    rig.pool('10.0.0.0/30');
    rig.own.set('default/cilium-gateway-g', {} as LoadBalancerService);
    rig.service('cilium-gateway-g');
    await rig.settle();
    await rig.feed.start(signal);
    rig.service('b', {}, '2026-01-02T00:00:00Z');
    await rig.settle();
    assert.deepEqual(rig.ingressOf('cilium-gateway-g'), at('10.0.0.0', 'Proxy'));
    assert.deepEqual(rig.ingressOf('b'), at('10.0.0.1'));
    const pool = rig.statuses.get('CiliumLoadBalancerIPPool.cilium.io/p')?.value.conditions as { message: string }[];
    assert.deepEqual(
      pool.map(({ message }) => message),
      ['', '4', '2', '2'],
    );
    rig.delete('Service', 'b', 'default');
    await rig.settle();
    assert.equal(rig.ingressOf('b'), undefined);
  });

  it('are what the API server says, also where the watch has not brought it yet', async () => {
    rig.pool('10.0.0.0/30');
    // The leader before us has just given the first address to the younger Service.
    rig.service('a');
    rig.service('b', {}, '2026-01-02T00:00:00Z');
    await rig.settle();
    rig.api.put('/api/v1/namespaces/default/services/b', {
      metadata: { name: 'b', namespace: 'default' },
      status: { loadBalancer: at('10.0.0.0') },
    });
    await rig.feed.start(signal);
    await rig.settle();
    assert.deepEqual(rig.ingressOf('b'), at('10.0.0.0'));
    assert.deepEqual(rig.ingressOf('a'), at('10.0.0.1'));
  });

  it('of others are left alone while there is no pool for them', async () => {
    rig.service('a', { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } });
    await rig.settle();
    await rig.feed.start(signal);
    await rig.settle();
    assert.equal(rig.statuses.size, 0);
  });

  it('go with their pool, and a follower says nothing', async () => {
    rig.pool('10.0.0.0/30');
    rig.service('a');
    await rig.settle();
    assert.equal(rig.statuses.size, 0);
    await rig.feed.start(signal);
    await rig.settle();
    rig.delete('CiliumLoadBalancerIPPool', 'p');
    await rig.settle();
    assert.deepEqual(rig.ingressOf('a'), {});
    assert.equal(rig.statuses.has('CiliumLoadBalancerIPPool.cilium.io/p'), false);
    rig.feed.stop();
    assert.equal(rig.statuses.size, 0);
  });
});
