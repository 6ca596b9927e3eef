import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { RawObject } from '../src/kube/index.ts';
import { useCluster } from './support/cluster-rig.ts';
import { type Operator, prepareApi, startOperator } from './support/operator-rig.ts';
import { until } from './support/until.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}
interface Status {
  readonly addresses?: { readonly value: string }[];
  readonly conditions?: Condition[];
  readonly listeners?: { readonly attachedRoutes: number }[];
  readonly parents?: { readonly controllerName: string; readonly conditions: Condition[] }[];
  readonly loadBalancer?: { readonly ingress?: { readonly ip: string; readonly ipMode?: string }[] };
}

const statusOf = (object: RawObject | undefined): Status => (object?.status ?? {}) as Status;
const holds = (conditions: readonly Condition[] | undefined, type: string): boolean =>
  conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
const isServed = (object: RawObject | undefined): boolean => {
  const own = statusOf(object).parents?.find(({ controllerName }) => controllerName === 'io.cilium/gateway-controller');
  return holds(own?.conditions, 'Accepted') && holds(own?.conditions, 'ResolvedRefs');
};

const gateway = (name: string, more = '') => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}}
spec:
  gatewayClassName: cilium
  listeners: [{name: http, port: 80, protocol: HTTP}]
${more}`;
const route = (name: string) => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: shop}]
  hostnames: [${name}.example.com]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`;
const web = `
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}], selector: {app: web}}
`;

describe('the operator on a real API server', () => {
  const cluster = useCluster({ name: 'operator', nodes: 1, dns: false, proxy: 'none' });
  const running: Operator[] = [];
  const start = async (identity: string, port: number, ...flags: string[]) => {
    const operator = await startOperator(cluster(), identity, port, ...flags);
    running.push(operator);
    return operator;
  };
  const namespace = 'default';
  const get = (kind: string, name: string) =>
    cluster()
      .kubectl('get', kind, name, '-n', namespace, '-o', 'json')
      .then((text) => JSON.parse(text) as RawObject);

  before('custom resources, and an operator', async () => {
    await prepareApi(cluster());
    await (await start('first', 19_963, '--create-classes')).leads();
  });
  after('operators', () => Promise.all(running.map((operator) => operator.end('SIGKILL'))));

  it('gives a Gateway a Service with an address of the pool, and says so', async () => {
    const { apply, waitFor } = cluster();
    const infrastructure = `  infrastructure: {labels: {team: web}, annotations: {example.com/tier: edge}}\n`;
    await apply(
      gateway('shop', infrastructure) + web + route('good') + route('bad').replace('name: web', 'name: none'),
      namespace,
    );
    await waitFor('Gateway', 'shop', 'programmed', (object) => holds(statusOf(object).conditions, 'Programmed'), {
      namespace,
    });
    const service = await get('service', 'cilium-gateway-shop');
    const [given] = statusOf(service).loadBalancer?.ingress ?? [];
    assert.match(given?.ip ?? '', /^10\.90\.200\./);
    assert.equal(given?.ipMode, 'Proxy');
    assert.equal((service.metadata!.labels as Record<string, string>).team, 'web');
    assert.equal(service.metadata!.annotations?.['example.com/tier'], 'edge');
    await waitFor('HTTPRoute', 'good', 'served', isServed, { namespace });
    await waitFor('Gateway', 'shop', 'counted', (object) => statusOf(object).listeners?.[0]?.attachedRoutes === 2, {
      namespace,
    });
    assert.deepEqual(statusOf(await get('gateway', 'shop')).addresses, [{ type: 'IPAddress', value: given?.ip }]);
    await apply(gateway('shop', '  infrastructure: {labels: {team: shop}}\n'), namespace);
    await waitFor(
      'Service',
      'cilium-gateway-shop',
      'relabelled',
      (object) => {
        const labels = object?.metadata?.labels as Record<string, string> | undefined;
        return labels?.team === 'shop' && object?.metadata?.annotations?.['example.com/tier'] === undefined;
      },
      { namespace },
    );
  });

  it('tells of an error by an Event on the object', async () => {
    const described = await until(
      'an Event',
      async () =>
        /Warning +BackendNotFound.*/.exec(
          await cluster().kubectl('describe', 'httproute', 'bad', '-n', namespace),
        )?.[0],
    );
    assert.match(described, /Service default\/none does not exist/);
  });

  it('gives dedicated Ingresses and other Services addresses of their own, and takes Services away that nobody wants', async () => {
    const { apply, remove, waitFor } = cluster();
    const ingress = (mode: string) => `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, annotations: {ingress.cilium.io/loadbalancer-mode: ${mode}}}
spec:
  ingressClassName: cilium
  defaultBackend: {service: {name: web, port: {number: 80}}}
`;
    await apply(
      `${ingress('dedicated')}---
apiVersion: v1
kind: Service
metadata: {name: direct}
spec: {type: LoadBalancer, ports: [{port: 80}], selector: {app: web}}
`,
      namespace,
    );
    await waitFor('Ingress', 'front', 'an address', (object) => statusOf(object).loadBalancer?.ingress?.length === 1, {
      namespace,
    });
    await waitFor(
      'Service',
      'direct',
      'an address',
      (object) => statusOf(object).loadBalancer?.ingress?.[0]?.ipMode === 'VIP',
      { namespace },
    );
    const own = statusOf(await get('service', 'cilium-ingress-front')).loadBalancer?.ingress?.[0]?.ip;
    assert.equal(statusOf(await get('ingress', 'front')).loadBalancer?.ingress?.[0]?.ip, own);
    assert.notEqual(statusOf(await get('service', 'direct')).loadBalancer?.ingress?.[0]?.ip, own);
    await apply(ingress('shared'), namespace);
    await waitFor('Service', 'cilium-ingress-front', 'deleted', (object) => object === undefined, { namespace });
    await waitFor(
      'Service',
      'cilium-ingress',
      'made',
      (object) => statusOf(object).loadBalancer?.ingress?.length === 1,
      { namespace: 'kube-system' },
    );
    await remove(ingress('shared'), namespace);
    await waitFor('Service', 'cilium-ingress', 'deleted', (object) => object === undefined, {
      namespace: 'kube-system',
    });
  });

  it('leaves what other controllers say where it is, and a Service of somebody else alone', async () => {
    const { apply, kubectl, waitFor } = cluster();
    const accepted = {
      type: 'Accepted',
      status: 'False',
      reason: 'No',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const other = { parentRef: { name: 'mesh' }, controllerName: 'example.com/other', conditions: [accepted] };
    const said = statusOf(await get('httproute', 'good')).parents ?? [];
    const patch = JSON.stringify({ status: { parents: [other, ...said] } });
    await kubectl('patch', 'httproute', 'good', '-n', namespace, '--subresource=status', '--type=merge', '-p', patch);
    await kubectl('annotate', 'httproute', 'good', '-n', namespace, 'touched=yes');
    await kubectl(
      'patch',
      'httproute',
      'good',
      '-n',
      namespace,
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/hostnames/0","value":"other.example.com"}]',
    );
    await waitFor(
      'HTTPRoute',
      'good',
      'seen',
      (object) => {
        const own = statusOf(object).parents?.find(({ controllerName }) => controllerName !== other.controllerName);
        return own?.conditions.every(
          (condition) => (condition as unknown as { observedGeneration: number }).observedGeneration === 2,
        );
      },
      { namespace },
    );
    const now = statusOf(await get('httproute', 'good')).parents ?? [];
    assert.deepEqual(now[0], {
      ...other,
      parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'mesh' },
    });
    const times = (parents: typeof now) =>
      parents.at(-1)?.conditions.map(({ lastTransitionTime }) => lastTransitionTime);
    assert.deepEqual(times(now), times(said));

    await apply(
      '{apiVersion: v1, kind: Service, metadata: {name: cilium-gateway-taken}, spec: {ports: [{port: 1}], selector: {a: b}}}',
      namespace,
    );
    await apply(gateway('taken'), namespace);
    await until('an Event', async () =>
      (await kubectl('describe', 'gateway', 'taken', '-n', namespace)).includes('ServiceNameTaken'),
    );
    assert.equal((await get('service', 'cilium-gateway-taken')).spec !== undefined, true);
    const told = statusOf(await get('gateway', 'taken')).conditions?.find(({ type }) => type === 'Programmed');
    assert.equal(told?.status, 'False');
    assert.match(told.message, /Service default\/cilium-gateway-taken was made by somebody else/);
  });

  it('loses nothing when the leader changes amid a burst, whichever way it ends', async () => {
    const { apply, waitFor } = cluster();
    const before = statusOf(await get('gateway', 'shop')).addresses;
    for (const [i, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
      const leader = running.at(-1)!;
      const next = await start(`next-${i}`, 19_964 + i, '--lease-duration', '3s');
      const names = Array.from({ length: 60 }, (_, n) => `burst-${i}-${n}`);
      const applied = apply(names.map(route).join(''), namespace);
      await leader.end(signal);
      await next.leads();
      await applied;
      for (const name of names) await waitFor('HTTPRoute', name, 'served', isServed, { namespace });
      await waitFor(
        'Gateway',
        'shop',
        'counted',
        (object) => statusOf(object).listeners?.[0]?.attachedRoutes === 2 + 60 * (i + 1),
        { namespace },
      );
      assert.deepEqual(statusOf(await get('gateway', 'shop')).addresses, before);
    }
  });

  it('goes on after the API server was away', async () => {
    const { apply, waitFor, component } = cluster();
    const server = component('kube-apiserver');
    await server.stop('SIGKILL');
    await server.start();
    await until('the API server', () =>
      apply(route('after'), namespace).then(
        () => true,
        () => false,
      ),
    );
    await waitFor('HTTPRoute', 'after', 'served', isServed, { namespace, timeout: 60_000 });
  });

  it('asks for nothing but its Lease when nothing changes', async () => {
    const { audit } = cluster();
    const mine = () => audit().filter(({ userAgent }) => userAgent?.startsWith('sluice-operator/'));
    const rest = async () => {
      const before = mine().length;
      // What is measured is a time in which nothing happens.
      await delay(3000);
      return mine()
        .slice(before)
        .filter(({ verb }) => verb !== 'watch');
    };
    const requests = await until('rest', async () => {
      const found = await rest();
      return found.every(({ objectRef }) => objectRef?.resource === 'leases') ? found : undefined;
    });
    assert.ok(requests.every(({ verb }) => verb === 'update'));
  });
});
