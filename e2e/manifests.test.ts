import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { chartDir, helmCommand, type Manifest, renderChart, root } from '../tools/manifests/chart.ts';
import { crds } from '../tools/manifests/crds.ts';
import { kustomizeFiles } from '../tools/manifests/kustomize.ts';

const testdata = join(import.meta.dirname, 'testdata/chart');
const update = Boolean(process.env.UPDATE_GOLDEN);

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly {
    readonly name: string;
    readonly args: readonly string[];
    readonly resources: { readonly requests?: object };
    readonly volumeMounts: readonly { readonly name: string }[];
    readonly securityContext: {
      readonly privileged: boolean;
      readonly allowPrivilegeEscalation: boolean;
      readonly readOnlyRootFilesystem: boolean;
      readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
    };
  }[];
}

describe('chart', function () {
  // Helm is built the first time.
  this.timeout(15 * 60_000);
  let helm: string;
  before(() => {
    helm = helmCommand();
  });

  const podSpec = (objects: readonly Manifest[], kind: string) => {
    const found = objects.find((each) => each.kind === kind) as { spec: { template: { spec: PodSpec } } } | undefined;
    assert.ok(found, kind);
    return found.spec.template.spec;
  };

  it('passes helm lint, strictly', () => {
    execFileSync(helm, ['lint', '--strict', chartDir], { stdio: 'pipe' });
  });

  for (const file of readdirSync(testdata).filter((name) => name.endsWith('.values.yaml'))) {
    const golden = join(testdata, file.replace('.values.', '.out.'));
    it(`renders ${file} as it did (UPDATE_GOLDEN=1 rewrites it)`, () => {
      const values = load(readFileSync(join(testdata, file), 'utf8')) as object;
      const { text } = renderChart(helm, { values });
      if (update) writeFileSync(golden, text);
      assert.equal(text, readFileSync(golden, 'utf8'));
    });
  }

  it('has no golden file without its values', () => {
    const names = readdirSync(testdata);
    for (const name of names.filter((each) => each.endsWith('.out.yaml')))
      assert.ok(names.includes(name.replace('.out.', '.values.')), name);
  });

  it('gives kustomize what stands in manifests/ (npm run manifests writes it)', () => {
    for (const [name, text] of kustomizeFiles(helm))
      assert.equal(readFileSync(join(root, 'manifests', name), 'utf8'), text, name);
  });

  it('has a default for every value that the schema knows, and the other way round', () => {
    const values = load(readFileSync(join(chartDir, 'values.yaml'), 'utf8'));
    const schema = JSON.parse(readFileSync(join(chartDir, 'values.schema.json'), 'utf8'));
    interface Node {
      readonly properties?: Record<string, Node>;
      readonly $ref?: string;
    }
    const visit = (node: Node, value: unknown, path: string) => {
      const at = node.$ref === undefined ? node : (schema.$defs[node.$ref.replace('#/$defs/', '')] as Node);
      if (at.properties === undefined || node.$ref === '#/$defs/resources') return;
      const { global: _everyChartHasIt, ...properties } = at.properties;
      assert.deepEqual(Object.keys(value as object).sort(), Object.keys(properties).sort(), path);
      for (const [name, each] of Object.entries(properties))
        visit(each, (value as Record<string, unknown>)[name], `${path}.${name}`);
    };
    visit(schema, values, '');
  });

  for (const [value, says] of [
    ['ingressController.enable=true', /additional properties 'enable' not allowed/],
    ['image.pullPolicy=Sometimes', /must be one of 'Always', 'IfNotPresent', 'Never'/],
    ['image.digest=latest', /does not match pattern/],
    ['ingressController.defaultSecretName=only-the-name', /at '\/ingressController'/],
    ['prometheus.port=0', /minimum: got 0, want 1/],
    ['datapath.mode=veth', /must be one of 'none', 'ebpf'/],
    ['MTU=600', /at '\/MTU'/],
    ['securityContext.capabilities.agent={ALL}', /must be one of 'CHOWN'/],
  ] as const)
    it(`refuses --set ${value}`, () => {
      const { status, stderr } = spawnSync(helm, ['template', 'sluice', chartDir, '--set', value], {
        encoding: 'utf8',
      });
      assert.notEqual(status, 0);
      assert.match(stderr, says);
    });

  it('makes the GatewayClass when the cluster has the CRD, unless told otherwise', () => {
    const apiVersions = ['gateway.networking.k8s.io/v1/GatewayClass'];
    const made = (create: string | undefined, versions: readonly string[]) =>
      renderChart(helm, {
        apiVersions: versions,
        values: create === undefined ? {} : { gatewayAPI: { gatewayClass: { create } } },
      }).objects.some(({ kind }) => kind === 'GatewayClass');
    assert.deepEqual(
      [made(undefined, []), made(undefined, apiVersions), made('false', apiVersions), made('true', [])],
      [false, true, false, true],
    );
  });

  it('runs nothing privileged: all capabilities dropped but those that are named, nothing writable but volumes', () => {
    const { objects } = renderChart(helm);
    const all = ['DaemonSet', 'Deployment'].map((kind) => podSpec(objects, kind));
    for (const pod of all) {
      assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' });
      for (const { name, securityContext, resources } of pod.containers) {
        assert.equal(securityContext.privileged, false, name);
        assert.equal(securityContext.allowPrivilegeEscalation, false, name);
        assert.equal(securityContext.readOnlyRootFilesystem, true, name);
        assert.deepEqual(securityContext.capabilities.drop, ['ALL'], name);
        assert.ok(resources.requests, name);
      }
    }
    const added = all.flatMap(({ containers }) =>
      containers.map((each) => each.securityContext.capabilities.add ?? []),
    );
    assert.deepEqual(added, [['NET_ADMIN'], ['NET_BIND_SERVICE'], []]);
    assert.equal(podSpec(objects, 'Deployment').securityContext.runAsNonRoot, true);
    assert.equal(podSpec(objects, 'Deployment').hostNetwork, undefined);
  });

  it('takes more of the node for a datapath of eBPF, and names it', () => {
    const { objects } = renderChart(helm, { values: { datapath: { mode: 'ebpf' } } });
    const { containers, volumes, initContainers } = podSpec(objects, 'DaemonSet') as PodSpec & {
      volumes: { hostPath?: { path: string } }[];
      initContainers: PodSpec['containers'];
    };
    const capabilities = [...initContainers, ...containers].map((each) => each.securityContext.capabilities.add ?? []);
    assert.deepEqual(capabilities, [[], ['NET_ADMIN', 'BPF', 'PERFMON', 'SYS_ADMIN'], ['NET_BIND_SERVICE']]);
    assert.deepEqual(
      volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
      ['/var/run/sluice', '/sys/fs/bpf', '/var/run/netns', '/proc/sys/net', '/opt/cni/bin', '/etc/cni/net.d'],
    );
    // Programs that the node runs as root are written by what ends before the agent begins.
    const mounts = (each: PodSpec['containers'][number]) => each.volumeMounts.map(({ name }) => name);
    assert.deepEqual(initContainers.map(mounts), [['cni-bin']]);
    assert.ok(!containers.flatMap(mounts).includes('cni-bin'));
    assert.equal(podSpec(objects, 'Deployment').hostNetwork, true);
  });

  it('takes its traces off the nodes when it goes, with as little of the node as that takes', () => {
    for (const [mode, capabilities, paths] of [
      ['none', ['NET_ADMIN'], []],
      ['ebpf', ['NET_ADMIN', 'BPF'], ['/var/run/sluice', '/sys/fs/bpf', '/opt/cni/bin', '/etc/cni/net.d']],
    ] as const) {
      const { objects } = renderChart(helm, { values: { datapath: { mode } } });
      const hooks = objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'post-delete');
      assert.deepEqual(
        hooks.map(({ kind }) => kind),
        ['ServiceAccount', 'Role', 'RoleBinding', 'DaemonSet', 'Job'],
      );
      const { containers, volumes, initContainers } = podSpec(hooks, 'DaemonSet') as PodSpec & {
        volumes: { hostPath?: { path: string } }[];
        initContainers: PodSpec['containers'];
      };
      const [init, done, job] = [...initContainers, ...containers, ...podSpec(hooks, 'Job').containers];
      for (const { securityContext } of [init!, done!, job!]) {
        assert.deepEqual([securityContext.privileged, securityContext.readOnlyRootFilesystem], [false, true]);
        assert.deepEqual(securityContext.capabilities.drop, ['ALL']);
      }
      assert.deepEqual(init!.securityContext.capabilities.add, capabilities);
      assert.deepEqual(
        [done, job].map((each) => each!.securityContext.capabilities.add),
        [undefined, undefined],
      );
      assert.deepEqual(
        volumes.flatMap(({ hostPath }) => hostPath?.path ?? []),
        paths,
      );
      // Whatever of this is bound for nodes reaches those that agents were on.
      const agents = podSpec(objects, 'DaemonSet') as unknown as Record<string, unknown>;
      const cleaners = podSpec(hooks, 'DaemonSet') as unknown as Record<string, unknown>;
      for (const field of ['nodeSelector', 'affinity', 'tolerations', 'hostNetwork'])
        assert.deepEqual(cleaners[field], agents[field], field);
    }
    const { objects } = renderChart(helm, { values: { nodeCleanup: { enabled: false } } });
    assert.ok(!objects.some(({ metadata }) => metadata.name === 'sluice-cleanup'));
  });

  it('does not wait for nodes on one that is down', () => {
    const unreachable = 'node.kubernetes.io/unreachable';
    const dedicated = { key: 'dedicated', operator: 'Equal', value: 'mesh' };
    const tolerated = (tolerations: readonly object[]) => {
      const { objects } = renderChart(helm, { values: { tolerations } });
      return (podSpec(objects, 'Job') as unknown as { tolerations: { key?: string }[] }).tolerations;
    };
    for (const tolerations of [[{ operator: 'Exists' }], [{ key: unreachable, operator: 'Exists' }, dedicated]]) {
      const keys = tolerated(tolerations).map(({ key }) => key);
      for (const key of ['node.kubernetes.io/not-ready', 'node-role.kubernetes.io/control-plane'])
        assert.ok(keys.includes(key), key);
      // Without a key it would be every taint.
      assert.ok(!keys.includes(undefined) && !keys.includes(unreachable));
    }
    assert.deepEqual(tolerated([dedicated]).at(-1), dedicated);
  });

  it('gives the service account’s token to the containers that ask the API server, and not to Envoy', () => {
    const { objects } = renderChart(helm);
    const withToken = ['DaemonSet', 'Deployment']
      .flatMap((kind) => podSpec(objects, kind).containers)
      .filter(({ volumeMounts }) => volumeMounts.some(({ name }) => name === 'token'))
      .map(({ name }) => name);
    assert.deepEqual(withToken, ['agent', 'operator']);
  });

  it('grants reading Secrets of the named namespaces only, where namespaces are named', () => {
    const granted = (values: object) =>
      renderChart(helm, { values }).objects.flatMap((object) => {
        const rules = (object.rules ?? []) as readonly { resources: readonly string[] }[];
        const reads = rules.some(({ resources }) => resources.includes('secrets'));
        return reads ? [`${object.kind} ${object.metadata.namespace ?? ''}`] : [];
      });
    assert.deepEqual(granted({}), ['ClusterRole ', 'ClusterRole ']);
    assert.deepEqual(granted({ secrets: { namespaces: ['a', 'b'] } }), ['Role a', 'Role b']);
  });

  it('installs the CRDs', () => {
    const text = execFileSync(helm, ['show', 'crds', chartDir], { encoding: 'utf8' });
    for (const { plural } of crds) assert.match(text, new RegExp(`name: ${plural}\\.cilium\\.io$`, 'm'));
  });
});
