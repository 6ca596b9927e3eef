import assert from 'node:assert/strict';
import { join } from 'node:path';
import { writeImage } from '../tools/oci/archive.ts';
import { testserverImage } from './cluster/images.ts';
import { isTrue, watchUntil } from './cluster/watch-until.ts';
import { type ClusterRig, useCluster } from './support/cluster-rig.ts';
import { temporaryDir } from './support/proxy-rig.ts';
import { until } from './support/until.ts';

/** Two pods, one on each node, and a Service for them. */
const web = `
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
        ports: [{containerPort: 8080, hostPort: 8888}]
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  clusterIP: 10.96.7.7
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: echo, protocol: UDP, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
---
apiVersion: v1
kind: Service
metadata: {name: six}
spec:
  ipFamilies: [IPv6]
  clusterIP: fd00:96::77
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`;

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly podIP: string };
}

/** Of the testserver's answer. */
interface Said {
  readonly pod: string;
  readonly host: string;
  readonly path: string;
}

describe('the testbed: Kubernetes with two nodes', () => {
  const cluster = useCluster({ nodes: 2, ipv6: true });
  let rig: ClusterRig;
  let pods: Pod[];

  before(async () => {
    rig = cluster();
    await rig.apply(web);
    await rig.waitFor('Deployment', 'web', 'two pods ready', (deployment) => {
      const { readyReplicas } = (deployment?.status ?? {}) as { readyReplicas?: number };
      return readyReplicas === 2;
    });
    const { items } = await rig.kube.request<{ items: Pod[] }>({
      method: 'GET',
      path: '/api/v1/namespaces/default/pods',
      query: { labelSelector: 'app=web' },
    });
    pods = items.sort((a, b) => (a.spec.nodeName < b.spec.nodeName ? -1 : 1));
  });

  const inPod = (pod: Pod | undefined, ...command: readonly string[]) =>
    rig.kubectl('exec', pod?.metadata.name ?? '', '--', '/testserver', ...command);
  const askFromPod = async (pod: Pod | undefined, url: string) => JSON.parse(await inPod(pod, 'get', url)) as Said;

  it('has the version that was asked for, and two nodes that are Ready', async () => {
    const version = await rig.kube.request<{ gitVersion: string }>({ method: 'GET', path: '/version' });
    assert.equal(version.gitVersion, 'v1.34.4');
    const nodes = await watchUntil(rig.kube, { path: '/api/v1/nodes', what: 'two nodes' }, (all) =>
      all.length === 2 ? all : undefined,
    );
    assert.deepEqual(
      nodes.map((node) => [node.metadata?.name, isTrue(node, 'Ready')]),
      [
        ['node-1', true],
        ['node-2', true],
      ],
    );
  });

  it('runs a pod on each node', () => {
    assert.deepEqual(
      pods.map(({ spec }) => spec.nodeName),
      ['node-1', 'node-2'],
    );
  });

  it('carries traffic between pods of different nodes, both ways', async () => {
    for (const [from, to] of [pods, pods.toReversed()]) {
      const said = await askFromPod(from, `http://${to?.status.podIP}:8080/hello`);
      assert.deepEqual([said.pod, said.path], [to?.metadata.name, '/hello']);
    }
  });

  it('balances a ClusterIP over both pods, also over the one that asks', async () => {
    const seen = new Set<string>();
    await until('both pods to have answered', async () => {
      seen.add((await askFromPod(pods[0], 'http://10.96.7.7/')).pod);
      return seen.size === 2;
    });
  });

  it('has a DNS that resolves Services, and refuses the rest', async () => {
    assert.equal((await inPod(pods[0], 'lookup', 'web.default.svc.cluster.local')).trim(), '10.96.7.7');
    const said = await askFromPod(pods[1], 'http://web/by-name');
    assert.deepEqual([said.host, said.path], ['web', '/by-name']);
    await assert.rejects(inPod(pods[0], 'lookup', 'nothing.default.svc.cluster.local'), /no such host/);
  });

  it('serves pods and Services to clients in the control plane’s network', async () => {
    const direct = await rig.fetch(`http://${pods[1]?.status.podIP}:8080/direct`);
    assert.equal((JSON.parse(direct.body) as Said).pod, pods[1]?.metadata.name);
    const service = await rig.fetch('http://shop.example/x', { address: '10.96.7.7' });
    const said = JSON.parse(service.body) as Said;
    assert.deepEqual([said.host, said.path], ['shop.example', '/x']);
    const printed = await rig.exec('control-plane', 'curl', '-sf', 'http://10.96.7.7/curl');
    assert.equal((JSON.parse(printed) as Said).path, '/curl');
    await assert.rejects(rig.connect(pods[0]?.status.podIP ?? '', 9), /ECONNREFUSED/);
  });

  it('serves node ports and host ports on the nodes’ addresses', async () => {
    for (const [i, pod] of pods.entries()) {
      const hostPort = await rig.fetch(`http://10.90.0.1${i + 1}:8888/`);
      assert.equal((JSON.parse(hostPort.body) as Said).pod, pod.metadata.name);
      assert.equal((await rig.fetch(`http://10.90.0.1${i + 1}:30080/`)).status, 200);
    }
  });

  it('has IPv6, too, for pods, Services and load balancers', async () => {
    const { status } = await rig.kube.request<{ status: { podIPs: { ip: string }[] } }>({
      method: 'GET',
      path: `/api/v1/namespaces/default/pods/${pods[1]?.metadata.name}`,
    });
    const [, address] = status.podIPs;
    const said = await askFromPod(pods[0], `http://[${address?.ip}]:8080/six`);
    assert.deepEqual([said.pod, said.path], [pods[1]?.metadata.name, '/six']);
    const service = await rig.fetch('http://[fd00:96::77]/');
    assert.equal(service.status, 200);
    const routes = await rig.exec('control-plane', 'ip', '-6', 'route', 'show', 'fd00:200::/112');
    assert.match(routes, /nexthop via fd00:90::11[\s\S]*nexthop via fd00:90::12/);
  });

  it('routes the load-balancer pool to all nodes', async () => {
    const path = '/api/v1/namespaces/default/services/outside/status';
    await rig.kube.request({
      method: 'PATCH',
      path,
      body: { status: { loadBalancer: { ingress: [{ ip: '10.90.200.9', ipMode: 'VIP' }] } } },
    });
    // kube-proxy of each node has to have seen it.
    await until('the address to answer', () =>
      rig.fetch('http://10.90.200.9/', { timeout: 2000 }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    const routes = await rig.exec('control-plane', 'ip', 'route', 'show', '10.90.200.0/24');
    assert.match(routes, /nexthop via 10\.90\.0\.11[\s\S]*nexthop via 10\.90\.0\.12/);
  });

  it('prints what a pod logged, and runs commands in it', async () => {
    await rig.fetch(`http://${pods[0]?.status.podIP}:8080/to-be-logged`);
    await until('the request in the log', async () =>
      /GET .*\/to-be-logged/.test(await rig.kubectl('logs', pods[0]?.metadata.name ?? '')),
    );
    assert.match(await inPod(pods[0], 'get', 'http://127.0.0.1:8080/inside'), /"path":"\/inside"/);
  });

  it('runs commands on a node, in its namespaces and its cgroup', async () => {
    assert.equal((await rig.exec('node-2', 'hostname')).trim(), 'node-2');
    assert.match(await rig.exec('node-2', 'cat', '/proc/self/cgroup'), /^0::\/$/m);
    const processes = await rig.exec('node-2', 'ps', '-eo', 'args');
    assert.match(processes, /kubelet/);
    assert.doesNotMatch(processes, /kube-apiserver/);
  });

  it('runs images that were loaded from an archive', async () => {
    const dir = temporaryDir();
    try {
      const reference = 'example.com/tests/mine:1';
      const entries = [
        { path: '/mine', type: 'file', mode: 0o755, content: { from: rig.binaries.testserver } },
      ] as const;
      const config = { Entrypoint: ['/mine', 'lookup', 'localhost'] };
      const { path } = writeImage(
        { reference, layers: [{ name: 'mine', entries }], config },
        join(dir.path, 'mine.tar'),
      );
      await rig.load(path);
      await rig.kubectl('run', 'mine', `--image=${reference}`, '--image-pull-policy=Never', '--restart=Never');
      await rig.waitFor('Pod', 'mine', 'its end', (pod) => (pod?.status as { phase?: string })?.phase === 'Succeeded');
      assert.match(await rig.kubectl('logs', 'mine'), /^127\.0\.0\.1$/m);
    } finally {
      dir[Symbol.dispose]();
    }
  });

  it('keeps a record of verbs and resources by user, without contents', async () => {
    const user = 'system:serviceaccount:kube-system:coredns';
    const asked = await until('CoreDNS’s requests', () => {
      const events = rig.audit().filter((event) => event.user.username === user);
      return events.some(({ verb }) => verb === 'watch') ? events : undefined;
    });
    const pairs = new Set(asked.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}`));
    assert.ok(pairs.has('list services') && pairs.has('watch endpointslices'), [...pairs].join());
    assert.ok(!JSON.stringify(rig.audit()).includes('requestObject'));
  });

  it('holds a node to its own objects (Node authorizer)', async () => {
    const kubeconfig = `${rig.kubeconfig.replace(/kubeconfig$/, '')}pki/node-1.kubeconfig`;
    const asNode = (...args: string[]) =>
      rig.exec('control-plane', rig.binaries.kubectl, `--kubeconfig=${kubeconfig}`, ...args);
    assert.match(await asNode('get', 'node', 'node-1'), /Ready/);
    await assert.rejects(asNode('get', 'secrets', '-A'), /forbidden/i);
    await assert.rejects(asNode('label', 'node', 'node-2', 'a=b'), /forbidden/i);
  });

  it('goes on after its API server was killed', async () => {
    const apiServer = rig.component('kube-apiserver');
    const before = apiServer.pid();
    await apiServer.stop('SIGKILL');
    assert.equal(apiServer.pid(), undefined);
    await apiServer.start();
    const ready = () => rig.kube.request({ method: 'GET', path: '/readyz' });
    await until('the API server to be ready', () =>
      ready().then(
        () => true,
        () => false,
      ),
    );
    assert.notEqual(apiServer.pid(), before);
    const { items } = await rig.kube.request<{ items: unknown[] }>({ method: 'GET', path: '/api/v1/nodes' });
    assert.equal(items.length, 2);
  });
});
