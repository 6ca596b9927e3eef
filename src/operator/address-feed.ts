import { type ObjectRef, objectKey, refKey, type Service } from '../api/index.ts';
import { type KubeClient, pathOf, persist, type RawObject } from '../kube/index.ts';
import { parseIp } from '../lib/ip-address.ts';
import { isObject } from '../lib/is-object.ts';
import type { Tables } from '../mesh/inputs.ts';
import type { LoadBalancerService, ObjectStatus } from '../mesh/model/index.ts';
import {
  AddressAllocator,
  type PoolObject,
  poolConditions,
  poolId,
  serviceCondition,
} from '../network/lb-ipam/index.ts';
import type { Change, Collection, Table } from '../store/index.ts';
import { recordsOf } from './json.ts';

export interface AddressFeedOptions {
  readonly client: KubeClient;
  readonly tables: Pick<Tables, 'Service' | 'CiliumLoadBalancerIPPool' | 'CiliumBGPLoadBalancerIPPool'>;
  /** Those of Gateways and Ingresses: their addresses are for Envoy, not for kube-proxy. */
  readonly own: Collection<LoadBalancerService>;
  /** Where statuses of Services and pools go. */
  readonly statuses: Table<ObjectStatus>;
}

const serviceRef = (key: string): ObjectRef => {
  const [namespace = '', name = ''] = key.split('/');
  return { group: '', kind: 'Service', namespace, name };
};

/**
 * LB-IPAM between the tables and the statuses. It begins with what the API server itself says that Services have, not with
 * what the watch has brought so far: the leader before us may have given out an address a moment ago.
 */
export class AddressFeed {
  readonly #options: AddressFeedOptions;
  #allocator = new AddressAllocator();
  #stops: (() => void)[] = [];
  #scheduled = false;

  constructor(options: AddressFeedOptions) {
    this.#options = options;
  }

  /** Rejects only when the signal is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const held = await this.#heldAddresses(signal);
    signal.throwIfAborted();
    const { tables, own } = this.#options;
    const allocator = new AddressAllocator();
    this.#allocator = allocator;
    const service = (object: Service, known?: readonly string[]) => {
      const texts = known ?? object.status.loadBalancer.flatMap(({ ip }) => ip ?? []);
      allocator.setService(
        object,
        texts.flatMap((text) => parseIp(text) ?? []),
      );
    };
    for (const pools of [tables.CiliumLoadBalancerIPPool, tables.CiliumBGPLoadBalancerIPPool]) {
      for (const pool of pools.values()) allocator.setPool(pool);
      this.#stops.push((pools as Collection<PoolObject>).observe((changes) => this.#poolsChanged(changes)));
    }
    for (const object of tables.Service.values()) service(object, held.get(objectKey(object)));
    this.#stops.push(
      tables.Service.observe((changes) => {
        for (const { key, new: object } of changes) {
          if (object === undefined) allocator.deleteService(key);
          else service(object);
        }
        this.#schedule();
      }),
      own.observe((changes) => {
        for (const { key } of changes) this.#tell(key);
      }),
    );
    this.#settle();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    for (const key of [...this.#options.statuses.keys()]) this.#options.statuses.delete(key);
  }

  #poolsChanged(changes: readonly Change<PoolObject>[]): void {
    for (const { old, new: pool } of changes) {
      if (pool !== undefined) this.#allocator.setPool(pool);
      else if (old !== undefined) {
        this.#allocator.deletePool(old);
        this.#options.statuses.delete(refKey(poolRef(poolId(old))));
      }
    }
    this.#schedule();
  }

  /** Once for all that a turn of the store changed. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#stops.length > 0) this.#settle();
    });
  }

  #settle(): void {
    const { statuses } = this.#options;
    for (const key of this.#allocator.settle()) this.#tell(key);
    for (const pool of this.#allocator.pools()) {
      // Those of Cilium 1.12 have no status.
      if (!pool.id.startsWith('CiliumLoadBalancerIPPool/')) continue;
      const ref = poolRef(pool.id);
      statuses.set(refKey(ref), { ref, value: { conditions: poolConditions(pool) } });
    }
  }

  #tell(key: string): void {
    const { statuses, own } = this.#options;
    const ref = serviceRef(key);
    const assignment = this.#allocator.assignment(key);
    if (assignment === undefined || !assignment.ours) {
      statuses.delete(refKey(ref));
      return;
    }
    // kube-proxy leaves an address alone whose traffic a proxy has seen first (KEP-1860).
    const ipMode = own.has(key) ? 'Proxy' : 'VIP';
    const ingress = assignment.addresses.map((ip) => ({ ip, ipMode }));
    statuses.set(refKey(ref), {
      ref,
      value: { loadBalancer: ingress.length === 0 ? {} : { ingress }, conditions: [serviceCondition(assignment)] },
    });
  }

  async #heldAddresses(signal: AbortSignal): Promise<Map<string, string[]>> {
    const list = await persist(
      () =>
        this.#options.client.request<{ items?: readonly RawObject[] }>({
          method: 'GET',
          path: pathOf('Service'),
          query: { fieldSelector: 'spec.type=LoadBalancer' },
          signal,
        }),
      { signal },
    );
    return new Map(
      (list.items ?? []).map(({ metadata, status }) => {
        const balancer = isObject(status) && isObject(status.loadBalancer) ? status.loadBalancer : {};
        const addresses = recordsOf(balancer.ingress).flatMap(({ ip }) => (typeof ip === 'string' ? [ip] : []));
        return [`${metadata?.namespace}/${metadata?.name}`, addresses];
      }),
    );
  }
}

function poolRef(id: string): ObjectRef {
  const slash = id.indexOf('/');
  return { group: 'cilium.io', kind: id.slice(0, slash), name: id.slice(slash + 1) };
}
