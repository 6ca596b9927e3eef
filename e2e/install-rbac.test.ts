import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { type KubeFault, pathOf, type RawObject } from '../src/kube/index.ts';
import { UNUSED_MARK } from '../src/network/identity/index.ts';
import { helmCommand } from '../tools/manifests/chart.ts';
import { type Role, rbacUsage } from '../tools/manifests/rbac-usage.ts';
import { gatewayCrds } from './conformance/gateway/module.ts';
import { deployment, podsOf, runningPods } from './support/cluster-pods.ts';
import { useCluster } from './support/cluster-rig.ts';
import { temporaryDir } from './support/proxy-rig.ts';
import { outcome, sluice, userEnv } from './support/sluice-cli.ts';
import { sluiceImageArchive } from './support/sluice-image.ts';
import { until } from './support/until.ts';

const namespace = 'kube-system';
const group = 'gateway.networking.k8s.io';

/** Every kind whose status is written, with the object of the test data and what shows that it was. */
const written: readonly (readonly [kind: string, name: string])[] = [
  ['Ingress', 'web'],
  ['Gateway', 'edge'],
  ['ListenerSet', 'more'],
  ['HTTPRoute', 'web'],
  ['GRPCRoute', 'grpc'],
  ['TLSRoute', 'tls'],
  ['TCPRoute', 'tcp'],
  ['UDPRoute', 'udp'],
  ['BackendTLSPolicy', 'web'],
];

/** Gateway API 1.3 and 1.4 have this kind in their experimental channel, later releases do not. */
const olderListenerSets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'xlistenersets.gateway.networking.x-k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
  },
  spec: {
    group: 'gateway.networking.x-k8s.io',
    scope: 'Namespaced',
    names: { kind: 'XListenerSet', plural: 'xlistenersets', singular: 'xlistenerset', listKind: 'XListenerSetList' },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

const routeMatching = (pattern: string) =>
  dump({
    apiVersion: `${group}/v1`,
    kind: 'HTTPRoute',
    metadata: { name: 'matching', namespace: 'default' },
    spec: {
      parentRefs: [{ name: 'edge', sectionName: 'http' }],
      rules: [
        {
          matches: [{ path: { type: 'RegularExpression', value: pattern } }],
          backendRefs: [{ name: 'web', port: 80 }],
        },
      ],
    },
  });

/** Envoy can bind to an address of the machine, and not to one that is nowhere. */
const listenerAt = (address: string) =>
  dump({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumEnvoyConfig',
    metadata: { name: 'direct', namespace: 'default' },
    spec: {
      resources: [
        {
          '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
          name: 'direct',
          address: { socket_address: { address, port_value: 8099 } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'tcp',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                    stat_prefix: 'direct',
                    cluster: 'default/web',
                  },
                },
              ],
            },
          ],
        },
      ],
      backendServices: [{ name: 'web' }],
    },
  });

/** With every right of the chart granted: what its parts may do is all done here, within seconds. */
const datapathValues = [
  ...['datapath.mode=ebpf', 'tunnel=vxlan', 'ipam.mode=cluster-pool-v2beta'],
  // Two CIDRs: a third node gets none, which the operator writes down.
  ...['ipam.operator.clusterPoolIPv4PodCIDRList={10.50.0.0/24}', 'ipam.operator.clusterPoolIPv4MaskSize=25'],
  ...['operator.identityGCInterval=1s', 'operator.identityHeartbeatTimeout=8s', 'operator.nodeGCInterval=2s'],
];

for (const mode of ['none', 'ebpf'])
  describe(`permissions, with datapath.mode=${mode}`, () => {
    const cluster = useCluster({ nodes: 2, ...(mode === 'none' ? {} : { cni: 'none', dns: false }) });
    let dir: ReturnType<typeof temporaryDir>;

    before(async () => {
      dir = temporaryDir();
      const { kubectl, kubeconfig, load, apply } = cluster();
      const crds = gatewayCrds();
      const files = globSync(`${group}_*s.yaml`, { cwd: crds }).filter((name) => !name.includes('_vap_'));
      await kubectl('apply', '--server-side', ...files.flatMap((name) => ['-f', join(crds, name)]));
      await apply(dump(olderListenerSets));
      await load(sluiceImageArchive().path);
      const env = userEnv({ KUBECONFIG: kubeconfig, SLUICE_HELM: helmCommand() });
      const values = ['image.pullPolicy=Never', ...(mode === 'none' ? [] : datapathValues)];
      const flags = [...values.flatMap((value) => ['--set', value]), '--wait', '--timeout', '4m'];
      const { code, stderr } = await outcome(sluice, ['install', ...flags], env);
      assert.equal(code, 0, stderr);
    });
    after(() => {
      dir?.[Symbol.dispose]();
    });

    const conditionsOf = (object: RawObject | undefined): { type: string }[] => {
      const status = (object?.status ?? {}) as Record<string, unknown>;
      const ofParents = [status.parents, status.ancestors].flatMap(
        (each) => (each ?? []) as { conditions: { type: string }[] }[],
      );
      return [
        ...((status.conditions ?? []) as { type: string }[]),
        ...ofParents.flatMap(({ conditions }) => conditions),
      ];
    };

    it('are enough for a status of each kind', async () => {
      const { apply, waitFor } = cluster();
      await apply(
        withCertificate(readFileSync(join(import.meta.dirname, 'testdata/rbac-objects.yaml'), 'utf8'), dir.path),
      );
      for (const [kind, name] of written) {
        const has = (object: RawObject | undefined) =>
          kind === 'Ingress'
            ? JSON.stringify(object?.status).includes('10.90.200.')
            : conditionsOf(object).some(({ type }) => type === 'Accepted' || type === 'Programmed');
        await waitFor(kind, name, 'has a status', has, { namespace: 'default', timeout: 60_000 });
      }
      await waitFor('GatewayClass', 'cilium', 'is accepted', (object) =>
        conditionsOf(object).some(({ type }) => type === 'SupportedVersion'),
      );
      await waitFor('CiliumLoadBalancerIPPool', 'lab', 'is counted', (object) =>
        conditionsOf(object).some(({ type }) => type === 'cilium.io/IPsAvailable'),
      );
      const older = '/apis/gateway.networking.x-k8s.io/v1alpha1/namespaces/default/xlistenersets/older';
      await until(
        'the older ListenerSet to have a status',
        async () => conditionsOf(await cluster().kube.request({ method: 'GET', path: older })).length > 0,
      );
    });

    it('are enough to tell what Envoy refuses, and that it refuses it again', async () => {
      const { apply, waitFor } = cluster();
      const reports = { namespace, timeout: 60_000 };
      for (const round of [1, 2]) {
        await apply(listenerAt('10.99.99.99'));
        for (const node of ['node-1', 'node-2'])
          await waitFor(
            'ConfigMap',
            `sluice-rejections-${node}`,
            'is there',
            (object) => object !== undefined,
            reports,
          );
        await until('an Event', async () => (await eventsAbout('direct')).length >= 1);
        if (round === 1) {
          await apply(listenerAt('127.0.0.1'));
          for (const node of ['node-1', 'node-2'])
            await waitFor(
              'ConfigMap',
              `sluice-rejections-${node}`,
              'is gone',
              (object) => object === undefined,
              reports,
            );
        }
      }
      await until('an Event that happened again', async () =>
        (await eventsAbout('direct')).some(({ series }) => (series?.count ?? 0) > 1),
      );
    });

    it('are enough to tell what is wrong with an object, and that it is wrong again', async () => {
      const { apply } = cluster();
      // Only RE2 refuses the second.
      for (const pattern of ['/good.*', '/(?=bad)', '/good.*', '/(?=bad)']) {
        await apply(routeMatching(pattern));
        if (pattern.includes('bad')) await until('an Event', async () => (await eventsAbout('matching')).length >= 1);
        // The operator has seen the one before the next comes: its statuses say so.
        await cluster().waitFor(
          'HTTPRoute',
          'matching',
          `has its status for ${pattern}`,
          ({ metadata, status } = {}) =>
            `${JSON.stringify(status)}`.includes(`"observedGeneration":${metadata?.generation}`),
          { namespace: 'default' },
        );
      }
      await until('an Event that happened again', async () =>
        (await eventsAbout('matching')).some(({ series }) => (series?.count ?? 0) > 1),
      );
    });

    it('are enough to take back a load balancer that nobody wants any more', async () => {
      const { kubectl, waitFor } = cluster();
      await kubectl('patch', 'ingress', 'web', '--type=merge', '-p', '{"spec":{"ingressClassName":"another"}}');
      await waitFor('Service', 'cilium-ingress-web', 'is gone', (object) => object === undefined, {
        namespace: 'default',
      });
    });

    if (mode === 'ebpf') {
      it('are enough for identities that come, that are collected, and that are wanted again', async () => {
        const { apply, waitFor } = cluster();
        const running = async (app: string, count: number) => {
          await apply(deployment(app, count));
          await runningPods(cluster(), app, count);
        };
        const asked = (verb: string, account: string) =>
          cluster()
            .audit()
            .some(
              ({ user, verb: one, objectRef }) =>
                one === verb && objectRef?.resource === 'ciliumidentities' && user.username.endsWith(`:${account}`),
            );
        // Agents that create the same one in the same moment: the second one has to read it.
        for (let i = 0; !asked('get', 'sluice'); i++) await running(`race-${i}`, 2);
        await running('again', 1);
        const [pod] = await podsOf(cluster(), 'again');
        let id = '';
        await waitFor(
          'CiliumEndpoint',
          pod!.metadata.name,
          'has an identity',
          (object) => {
            id = `${(object?.status as { identity?: { id: number } } | undefined)?.identity?.id ?? ''}`;
            return id !== '';
          },
          { namespace: 'default' },
        );
        // It may be collected before the new pod asks for it.
        while (!asked('patch', 'sluice')) {
          await apply(deployment('again', 0));
          await waitFor(
            'CiliumIdentity',
            id,
            'is marked or gone',
            (found) => found?.metadata?.annotations?.[UNUSED_MARK] !== undefined || found === undefined,
          );
          await running('again', 1);
        }
        await apply(deployment('again', 0));
        await waitFor('CiliumIdentity', id, 'is gone', (found) => found === undefined, { timeout: 60_000 });
      });

      it('are enough for policies, and for nodes that come and go', async () => {
        const { apply, waitFor } = cluster();
        for (const [kind, namespace] of [
          ['CiliumNetworkPolicy', 'default'],
          ['CiliumClusterwideNetworkPolicy'],
        ] as const) {
          const metadata = { name: 'nothing', ...(namespace === undefined ? {} : { namespace }) };
          const spec = { endpointSelector: { matchLabels: { app: 'nobody' } }, ingress: [{}] };
          await apply(dump({ apiVersion: 'cilium.io/v2', kind, metadata, spec }));
          const isValid = (found: RawObject | undefined) => conditionsOf(found).some(({ type }) => type === 'Valid');
          await waitFor(kind, 'nothing', 'has a status', isValid, namespace === undefined ? {} : { namespace });
        }
        await apply(dump({ apiVersion: 'cilium.io/v2', kind: 'CiliumNode', metadata: { name: 'gone' }, spec: {} }));
        await waitFor('CiliumNode', 'gone', 'is gone', (found) => found === undefined, { timeout: 60_000 });
      });
    }

    for (const account of ['sluice', 'sluice-operator'])
      it(`of ${account} are what the API server's audit log holds: no less, and no more`, async () => {
        const username = `system:serviceaccount:${namespace}:${account}`;
        const roles = await Promise.all([
          cluster().kube.request<Role>({ method: 'GET', path: pathOf('ClusterRole', { name: account }) }),
          cluster().kube.request<Role>({ method: 'GET', path: pathOf('Role', { namespace, name: account }) }),
        ]);
        const events = cluster().audit();
        assert.ok(events.some(({ user }) => user.username === username));
        assert.deepEqual(rbacUsage(events, username, roles), { notGranted: [], unused: [] });
        const refused = events.filter(
          ({ user, responseStatus }) => user.username === username && responseStatus?.code === 403,
        );
        assert.deepEqual(
          refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
          [],
        );
      });

    it('end at the namespaces of Secrets that are named', async () => {
      const env = userEnv({ KUBECONFIG: cluster().kubeconfig, SLUICE_HELM: helmCommand() });
      const { code, stderr } = await outcome(
        sluice,
        ['upgrade', '--set', 'secrets.namespaces={default}', '--wait', '--timeout', '4m'],
        env,
      );
      assert.equal(code, 0, stderr);
      for (const account of ['sluice', 'sluice-operator']) {
        const may = async (where: string) => {
          const answer = await cluster()
            .kubectl(
              'auth',
              'can-i',
              'watch',
              'secrets',
              '--namespace',
              where,
              '--as',
              `system:serviceaccount:${namespace}:${account}`,
            )
            // `no` is an exit code too.
            .catch((error: KubeFault) => error.message);
          return /^yes/.test(answer);
        };
        assert.deepEqual([await may('default'), await may('kube-system')], [true, false], account);
      }
      const { waitFor } = cluster();
      await waitFor(
        'Gateway',
        'edge',
        'is programmed with its certificate',
        (object) => JSON.stringify(object?.status).includes('"reason":"Programmed"'),
        { namespace: 'default' },
      );
    });

    interface KubeEvent {
      readonly metadata: { readonly name: string };
      readonly regarding?: { readonly name?: string };
      readonly series?: { readonly count?: number };
    }

    async function eventsAbout(name: string): Promise<KubeEvent[]> {
      const path = pathOf('Event', { namespace: 'default' });
      const { items } = await cluster().kube.request<{ items: KubeEvent[] }>({ method: 'GET', path });
      return items.filter(({ regarding }) => regarding?.name === name);
    }
  });

/** The documents, with a certificate of a new key where they say `$certificate` and `$key`. */
function withCertificate(yaml: string, dir: string): string {
  const [key, certificate] = [join(dir, 'tls.key'), join(dir, 'tls.crt')];
  const subject = ['-subj', '/CN=web.example', '-addext', 'subjectAltName=DNS:web.example'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...made, '-keyout', key, '-out', certificate, ...subject], { stdio: 'ignore' });
  const documents = JSON.parse(JSON.stringify(loadAll(yaml)), (_, value) =>
    value === '$certificate' ? readFileSync(certificate, 'utf8') : value === '$key' ? readFileSync(key, 'utf8') : value,
  ) as object[];
  return documents.map((each) => dump(each)).join('---\n');
}
