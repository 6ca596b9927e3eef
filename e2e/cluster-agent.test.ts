import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { testserverImage } from './cluster/images.ts';
import { linesOf } from './cluster/progress.ts';
import type { Member } from './cluster/settings.ts';
import { gatewayCrds } from './conformance/gateway/module.ts';
import { installSluice } from './conformance/sluice.ts';
import { startClusterProber } from './support/cluster-prober.ts';
import { type ClusterRig, useCluster } from './support/cluster-rig.ts';
import { sluice as sluiceCommand } from './support/sluice-cli.ts';
import { until } from './support/until.ts';

const world = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {matchLabels: {app: web}}
      containers:
      - name: web
        image: ${testserverImage}
        imagePullPolicy: Never
        # Its share of a busy machine: without one, a pod may have to wait for seconds, and so may who asks it.
        resources: {requests: {cpu: 250m}}
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop}
spec: {gatewayClassName: cilium, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: blog}
spec:
  ingressClassName: cilium
  rules:
  - host: blog.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
`;

const route = (name: string, host: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec: {parentRefs: [{name: shop}], hostnames: [${host}], rules: [{backendRefs: [{name: web, port: 80}]}]}
`;

const nodes: readonly Member[] = ['node-1', 'node-2'];

/** ms for which the API server is away. */
const outage = Number(process.env.SLUICE_OUTAGE ?? 10) * 1000;

interface WithAddress {
  readonly status?: {
    readonly addresses?: readonly { readonly value: string }[];
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] };
  };
}

interface Listed {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly nodeName: string };
    readonly reason?: string;
    readonly note?: string;
    readonly regarding?: { readonly kind: string; readonly name: string };
    readonly data?: Readonly<Record<string, string>>;
    readonly status: {
      readonly containerStatuses: readonly { readonly name: string; readonly restartCount: number }[];
    };
  }[];
}

describe('sluice agent in a cluster of two nodes', () => {
  const cluster = useCluster({ name: 'test-agent', subnet: '10.94.0', lbPool: '10.94.200.0/24' });
  let rig: ClusterRig;
  let gateway: string;
  let ingress: string;

  const addressOf = async (kind: string, name: string): Promise<string> => {
    let found = '';
    await rig.waitFor(
      kind,
      name,
      'an address',
      (object) => {
        const { status } = (object ?? {}) as WithAddress;
        found = status?.addresses?.[0]?.value ?? status?.loadBalancer?.ingress?.[0]?.ip ?? '';
        return found !== '';
      },
      { namespace: 'default' },
    );
    return found;
  };
  const status = async (address: string, host: string, how: { timeout?: number } = {}): Promise<number> => {
    try {
      return (await rig.fetch(`http://${address}/`, { headers: { host }, ...how })).status;
    } catch {
      return 0;
    }
  };
  const served = (address: string, host: string, wanted = 200) =>
    until(`${host} on ${address}: ${wanted}`, async () => (await status(address, host, { timeout: 2000 })) === wanted);
  const localTo = async (node: Member): Promise<string> =>
    rig.exec(node, 'ip', '-4', '-brief', 'address', 'show', 'dev', 'lo');
  const pods = async (): Promise<Listed['items']> => {
    const list = await rig.kubectl(
      '-n',
      'kube-system',
      'get',
      'pods',
      '-l',
      'app.kubernetes.io/name=sluice',
      '-o',
      'json',
    );
    return (JSON.parse(list) as Listed).items;
  };
  const restarts = async (container: string): Promise<number> =>
    (await pods())
      .flatMap(({ status: { containerStatuses } }) => containerStatuses)
      .filter(({ name }) => name === container)
      .reduce((sum, { restartCount }) => sum + restartCount, 0);
  /** Signals a process on a node, and waits until the kubelet has started its container again. */
  const restartOn = async (node: Member, signal: string, pattern: string, container: string): Promise<void> => {
    const before = await restarts(container);
    await rig.exec(node, 'pkill', `-${signal}`, '-f', pattern);
    await until(`${container} started again`, async () => (await restarts(container)) > before);
  };
  /** Asked of the agents themselves: what the API server says of them may be from before it was away. */
  const ready = async () => {
    for (const node of nodes) {
      const ask = () => rig.exec(node, 'curl', '-fsm', '2', 'http://127.0.0.1:9964/readyz').catch(() => '');
      await until(`the agent of ${node} is ready`, async () => (await ask()).includes('ok'), 300_000);
    }
  };
  const sluice = async (node: Member, ...args: string[]): Promise<string> => {
    const pod = (await pods()).find(({ spec }) => spec.nodeName === node)!;
    return rig.kubectl('-n', 'kube-system', 'exec', pod.metadata.name, '-c', 'agent', '--', 'sluice', ...args);
  };

  before('Sluice installed', async () => {
    rig = cluster();
    const { settings, kubeconfig, kube, binaries, load } = rig;
    await installSluice(
      {
        ...{ settings, kubeconfig, client: kube, kubectl: binaries.kubectl, coredns: binaries.coredns },
        loadImages: async (archives) => {
          for (const archive of archives) await load(archive);
        },
        inNetwork: (command) => rig.commandIn('control-plane', ...command),
      },
      { crds: [gatewayCrds()] },
      linesOf((line) => process.stderr.write(line)),
    );
    await rig.apply(world, 'default');
    await rig.apply(route('shop', 'shop.test'), 'default');
    [gateway, ingress] = await Promise.all([addressOf('Gateway', 'shop'), addressOf('Ingress', 'blog')]);
    await Promise.all([served(gateway, 'shop.test'), served(ingress, 'blog.test')]);
    await ready();
  });

  it('serves a Gateway and an Ingress on addresses of their own, on every node', async () => {
    assert.notEqual(gateway, ingress);
    for (const node of nodes) {
      for (const [address, host] of [
        [gateway, 'shop.test'],
        [ingress, 'blog.test'],
      ] as const) {
        const code = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', `host: ${host}`, `http://${address}/`];
        await until(`${host} on ${node}`, async () => (await rig.exec(node, 'curl', ...code)).trim() === '200');
      }
      const local = await localTo(node);
      assert.ok(local.includes(`${gateway}/32`) && local.includes(`${ingress}/32`), local);
    }
  });

  it('says that it is well, with what it serves and how it reads the cluster', async () => {
    assert.equal((await sluice('node-1', 'status', '--brief')).trim(), 'OK');
    const shown = await sluice('node-1', 'status');
    assert.match(shown, new RegExp(`Addresses: .*${gateway.replaceAll('.', '\\.')}`));
    const metrics = await rig.exec('node-1', 'curl', '-s', 'http://127.0.0.1:9964/metrics');
    assert.match(metrics, /sluice_source_objects\{kind="HTTPRoute"[^}]*\} [1-9]/);
    assert.match(metrics, /sluice_source_watching\{kind="Service"[^}]*\} 1/);
  });

  it('puts edits into force, and takes an address away with what it was for', async () => {
    await rig.apply(route('shop', 'store.test'), 'default');
    await served(gateway, 'store.test');
    await served(gateway, 'shop.test', 404);
    await rig.apply(route('shop', 'shop.test'), 'default');
    await served(gateway, 'shop.test');
    const second = world.slice(world.indexOf('apiVersion: networking')).replaceAll('blog', 'diary');
    await rig.apply(second, 'default');
    const address = await addressOf('Ingress', 'diary');
    await served(address, 'diary.test');
    await rig.remove(second, 'default');
    for (const node of nodes)
      await until(`${address} is gone from ${node}`, async () => !(await localTo(node)).includes(`${address}/32`));
  });

  it('fails no request while agents end, in good order or not', async () => {
    const probers = await Promise.all([
      startClusterProber(rig, gateway, 'shop.test'),
      startClusterProber(rig, ingress, 'blog.test'),
    ]);
    for (const node of nodes) await restartOn(node, 'TERM', 'sluice agent', 'agent');
    await ready();
    for (const node of nodes) await restartOn(node, 'KILL', 'sluice agent', 'agent');
    await ready();
    // They are back at work.
    await rig.apply(route('late', 'late.test'), 'default');
    await served(gateway, 'late.test');
    const results = await Promise.all(probers.map((prober) => prober.stop()));
    assert.deepEqual(
      results.flatMap(({ failures }) => failures),
      [],
    );
    console.log(`      ${results.reduce((sum, { requests }) => sum + requests, 0)} requests, 0 failed`);
  });

  it('fails no request while the API server is away, and is up to date when it is back', async () => {
    const probers = await Promise.all([
      startClusterProber(rig, gateway, 'shop.test'),
      startClusterProber(rig, ingress, 'blog.test'),
    ]);
    const server = rig.component('kube-apiserver');
    await server.stop();
    const end = performance.now() + outage;
    // An agent that is started meanwhile has nothing to say, and takes nothing away.
    await rig.exec('node-1', 'pkill', '-TERM', '-f', 'sluice agent');
    await until('the outage is over', () => performance.now() > end, outage + 5000);
    await server.start();
    // It starts while the probers have the machine's processors, and kubectl's first try may hang for half a minute by itself.
    const applied = () =>
      rig.apply(route('after', 'after.test'), 'default').then(
        () => true,
        () => false,
      );
    await until('the API server answers', applied, 300_000);
    await served(gateway, 'after.test');
    const results = await Promise.all(probers.map((prober) => prober.stop()));
    assert.deepEqual(
      results.flatMap(({ failures }) => failures),
      [],
    );
    console.log(
      `      ${results.reduce((sum, { requests }) => sum + requests, 0)} requests in ${outage / 1000} s, 0 failed`,
    );
    await ready();
  });

  it('is back after kill -9 of Envoy, and of the container that it runs in', async () => {
    for (const pattern of ['^/usr/local/bin/envoy', 'sluice envoy']) {
      for (const node of nodes) {
        const code = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'host: shop.test', `http://${gateway}/`];
        const ask = () => rig.exec(node, 'curl', '-m', '1', ...code).catch(() => '000');
        const before = await rig.exec(node, 'pgrep', '-f', '^/usr/local/bin/envoy');
        const killed = performance.now();
        await rig.exec(node, 'pkill', '-KILL', '-f', pattern);
        const pid = () => rig.exec(node, 'pgrep', '-f', '^/usr/local/bin/envoy').catch(() => '');
        await until('another Envoy', async () => ![before, ''].includes(await pid()));
        await until(`${node} serves`, async () => (await ask()).trim() === '200');
        console.log(`      ${pattern} on ${node}: served again after ${Math.round(performance.now() - killed)} ms`);
      }
    }
    await ready();
  });

  it('also runs as a process of a machine, with an Envoy of its own, on the addresses of the nodes', async () => {
    const { subnet, apiPort } = rig.settings;
    // As it is reached from a node.
    const server = `https://${subnet}.1:${apiPort}`;
    const kubeconfig = readFileSync(rig.kubeconfig, 'utf8').replace(/https:\/\/127\.0\.0\.1:\d+/, server);
    const where = ['--node-name', 'node-1', '--state-dir', '/run/sluice-plain', '--metrics-address', 'off'];
    const how = [
      '--envoy',
      'child',
      '--host-network',
      '--http-port',
      '8081',
      '--https-port',
      '8444',
      '--concurrency',
      '1',
    ];
    // The node's own files: a machine's temporary directory is not seen there.
    await rig.exec(
      'node-1',
      'sh',
      '-c',
      `mkdir -p /run/sluice-plain-config && cat > /run/sluice-plain-config/kubeconfig <<'END'\n${kubeconfig}\nEND`,
    );
    const [command, ...args] = rig.commandIn(
      'node-1',
      sluiceCommand,
      'agent',
      '--kubeconfig',
      '/run/sluice-plain-config/kubeconfig',
      ...where,
      ...how,
    );
    const agent = spawn(command!, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    try {
      const address = `${subnet}.11`;
      await until('blog.test on the port of the node', async () => {
        try {
          const { status } = await rig.fetch(`http://${address}:8081/`, {
            headers: { host: 'blog.test' },
            timeout: 2000,
          });
          return status === 200;
        } catch {
          return false;
        }
      });
      assert.equal(await status(address, 'shop.test'), 200);
    } finally {
      await rig.exec('node-1', 'pkill', '-TERM', '-f', 'sluice-plain-config');
      await once(agent, 'exit');
    }
    // It wanted none of the load balancers' addresses, and took them away: the agent of the Pod looks every 30 s.
    await served(gateway, 'shop.test');
  });

  it('brings what Envoy refuses to the object: an Event, its status, and nothing when it is over', async () => {
    // The kubelet listens there, on every address.
    const taken = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: taken, annotations: {ingress.cilium.io/host-listener-port: '10250'}}
spec:
  ingressClassName: cilium
  defaultBackend: {service: {name: web, port: {number: 80}}}
`;
    await rig.apply(taken, 'default');
    const list = async (...what: string[]) => JSON.parse(await rig.kubectl('get', ...what, '-o', 'json')) as Listed;
    const event = await until('an Event on the Ingress', async () =>
      (await list('events.events.k8s.io', '-n', 'default')).items.find(
        ({ reason, regarding }) => reason === 'PortInUse' && regarding?.name === 'taken',
      ),
    );
    assert.match(event.note ?? '', /another process listens on 0\.0\.0\.0:10250/);
    const reports = () => list('configmaps', '-n', 'kube-system', '-l', 'sluice.dev/rejections=true');
    const report = await until('reports of both nodes', async () => {
      const { items } = await reports();
      return items.length === nodes.length ? items : undefined;
    });
    assert.deepEqual(report.map(({ metadata }) => metadata.name).sort(), [
      'sluice-rejections-node-1',
      'sluice-rejections-node-2',
    ]);
    assert.match(report[0]?.data?.['rejections.json'] ?? '', /10250/);
    await rig.remove(taken, 'default');
    await until('no reports', async () => (await reports()).items.length === 0);
    assert.equal((await sluice('node-1', 'status', '--brief')).trim(), 'OK');
  });
});
