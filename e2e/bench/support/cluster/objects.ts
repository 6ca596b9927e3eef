import { type KubeClient, KubeFault, pathOf } from '../../../../src/kube/index.ts';
import { gatewayName, routeObject, simpleRoute } from '../objects.ts';

/** Requests under way at once: as many as the API server's priority levels take without queueing. */
const parallel = 20;
const namespace = 'default';
const gatewayApi = 'gateway.networking.k8s.io/v1';

/** Runs `work` for each item, so many at once; ends at the first failure. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(parallel, items.length) }, async () => {
      while (next < items.length) await work(items[next++] as T);
    }),
  );
}

export async function create(kube: KubeClient, kind: string, object: object): Promise<void> {
  await kube.request({ method: 'POST', path: pathOf(kind, { namespace }), body: object });
}

export async function remove(kube: KubeClient, kind: string, name: string): Promise<void> {
  try {
    await kube.request({ method: 'DELETE', path: pathOf(kind, { namespace, name }) });
  } catch (error) {
    if (!(error instanceof KubeFault && error.status === 404)) throw error;
  }
}

/** A Gateway that listens on port 80 of an address of its own. */
export const gateway = {
  apiVersion: gatewayApi,
  kind: 'Gateway',
  metadata: { name: gatewayName },
  spec: { gatewayClassName: 'cilium', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
};

/** A Service without selector and its endpoints: servers outside of the cluster, so that only we have work with them. */
export async function createService(kube: KubeClient, name: string, address: string, port: number): Promise<void> {
  await create(kube, 'Service', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ name: 'http', port: 80 }] },
  });
  await create(kube, 'EndpointSlice', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });
}

/** Route `i` to its own one of so many Services. */
export const route = (i: number, services: number): object => routeObject(simpleRoute(i, services));
export const routeName = (i: number): string => simpleRoute(i, 1).name;
