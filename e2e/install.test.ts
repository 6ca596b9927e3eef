import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { pathOf } from '../src/kube/index.ts';
import { helmCommand } from '../tools/manifests/chart.ts';
import { crds } from '../tools/manifests/crds.ts';
import { useCluster } from './support/cluster-rig.ts';
import { temporaryDir } from './support/proxy-rig.ts';
import { outcome, root, sluice, userEnv } from './support/sluice-cli.ts';
import { sluiceImageArchive } from './support/sluice-image.ts';
import { until } from './support/until.ts';

const namespace = 'kube-system';
const names = crds.map(({ plural }) => `${plural}.cilium.io`).sort();

describe('installation', () => {
  // Pods start on a machine that does a lot else; the first time Helm is built.
  const cluster = useCluster({ nodes: 2 });
  let dir: ReturnType<typeof temporaryDir>;
  let env: NodeJS.ProcessEnv;

  before(() => {
    dir = temporaryDir();
    const bin = join(dir.path, 'bin');
    mkdirSync(bin);
    symlinkSync(helmCommand(), join(bin, 'helm'));
    env = userEnv({ KUBECONFIG: cluster().kubeconfig, PATH: `${bin}:${process.env.PATH}`, HOME: dir.path });
  });
  after(() => {
    dir?.[Symbol.dispose]();
  });

  const run = (...args: string[]) => outcome(sluice, args, env);
  const namesOf = async (kind: string, query: Record<string, string> = {}, where?: string) => {
    const path = pathOf(kind, where === undefined ? {} : { namespace: where });
    const { items } = await cluster().kube.request<{ items: { metadata: { name: string } }[] }>({
      method: 'GET',
      path,
      query,
    });
    return items.map(({ metadata }) => metadata.name).sort();
  };
  const ours = { labelSelector: 'app.kubernetes.io/part-of=sluice' };
  const get = <T>(kind: string, name: string) =>
    cluster().kube.request<T>({ method: 'GET', path: pathOf(kind, { namespace, name }) });

  it('finds out what suits the cluster, and shows it: files over what was found, --set over files', async () => {
    const file = join(dir.path, 'values.yaml');
    execFileSync('tee', [file], { input: 'cluster: {name: mine}\nprometheus: {port: 9100}\nlog: {level: warn}\n' });
    const { code, stdout, stderr } = await run(
      'install',
      '--dry-run-helm-values',
      '--helm-values',
      file,
      '--set',
      'log.level=debug',
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(load(stdout), {
      cluster: { name: 'mine' },
      prometheus: { port: 9100 },
      log: { level: 'debug' },
      operator: { replicas: 2 },
    });
    assert.deepEqual(await namesOf('Pod', ours, namespace), []);
  });

  it('says before it is there that it is not', async () => {
    const { code, stdout } = await run('status', '--cluster');
    assert.equal(code, 1);
    assert.match(stdout, /^agent +DaemonSet sluice +0\/0 +0\/0 +missing$/m);
    assert.match(stdout, /hint: `sluice install` installs it/);
    const upgrade = await run('upgrade');
    assert.equal(upgrade.code, 1);
    assert.match(upgrade.stderr, /has no deployed releases.*\[HELM_FAILED\]\n {2}hint: it is not installed there/);
  });

  it('tells what is missing while it waits: the image', async () => {
    const { code, stderr } = await run('install', '--set', 'image.pullPolicy=Never', '--wait', '--timeout', '10s');
    assert.equal(code, 1);
    assert.match(stderr, /^\S+ is a generic cluster: /);
    assert.match(
      stderr,
      /Pod kube-system\/sluice-\w+ on node node-[12], container agent: .*sluice:dev.* \[ErrImageNeverPull\]/,
    );
    assert.match(stderr, /hint: load the image sluice:dev into the nodes/);
    assert.match(stderr, /not ready after 10 s: agent 0 of 2, envoy 0 of 2, operator 0 of 2 \[NOT_READY\]/);
    assert.deepEqual(await namesOf('CustomResourceDefinition', ours), names);
  });

  it('is ready once the image is there', async () => {
    await cluster().load(sluiceImageArchive().path);
    const { code, stdout, stderr } = await run('status', '--cluster', '--wait', '--timeout', '3m');
    assert.equal(code, 0, stderr);
    for (const line of [
      /^agent +DaemonSet sluice +2\/2 +2\/2 +ready$/m,
      /^envoy +DaemonSet sluice +2\/2 +2\/2 +ready$/m,
      /^operator +Deployment sluice-operator +2\/2 +2\/2 +ready$/m,
    ])
      assert.match(stdout, line);
    assert.equal((await run('status', '--cluster', '--brief')).stdout, 'OK\n');
    const json = JSON.parse((await run('status', '--cluster', '-o', 'json')).stdout);
    assert.deepEqual(
      json.components.map(({ state, problems }: { state: string; problems: unknown[] }) => [state, problems]),
      [
        ['ready', []],
        ['ready', []],
        ['ready', []],
      ],
    );
    const again = await run('install');
    assert.match(again.stderr, /hint: it is installed already: `sluice upgrade`/);
  });

  it('runs what the manifests say, and nothing with more', async () => {
    const { items } = await cluster().kube.request<{
      items: { metadata: { name: string }; status: { containerStatuses: { restartCount: number; name: string }[] } }[];
    }>({ method: 'GET', path: pathOf('Pod', { namespace }), query: ours });
    const [pod] = items.filter(({ metadata }) => !metadata.name.startsWith('sluice-operator'));
    // What the kernel says of process 1 in each container: its capabilities, and whether it may gain any.
    const status = (container: string) =>
      cluster().kubectl(
        ...['exec', '--namespace', namespace, pod?.metadata.name ?? '', '--container', container, '--'],
        ...['/usr/local/bin/node', '-p', "require('fs').readFileSync('/proc/1/status', 'utf8')"],
      );
    const bit = { NET_BIND_SERVICE: 10, NET_ADMIN: 12 };
    for (const [container, capability] of [
      ['agent', bit.NET_ADMIN],
      ['envoy', bit.NET_BIND_SERVICE],
    ] as const) {
      const text = await status(container);
      for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
        assert.match(
          text,
          new RegExp(`^${set}:\\s+${(1n << BigInt(capability)).toString(16).padStart(16, '0')}$`, 'm'),
          container,
        );
      assert.match(text, /^NoNewPrivs:\s+1$/m);
      assert.match(text, /^Seccomp:\s+2$/m);
    }
  });

  it('upgrades: keeps the values of before, adds new ones, and brings CRDs up to date', async () => {
    const plural = crds[0]?.plural ?? '';
    const older = `[{"op": "remove", "path": "/spec/names/categories"}]`;
    await cluster().kubectl('patch', 'crd', `${plural}.cilium.io`, '--type=json', '-p', older);
    const { code, stderr } = await run('upgrade', '--set', 'prometheus.enabled=true', '--wait', '--timeout', '4m');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^upgraded in namespace kube-system$/m);
    const { spec } = await get<{
      spec: { template: { spec: { containers: { imagePullPolicy: string; args: string[] }[] } } };
    }>('DaemonSet', 'sluice');
    assert.equal(spec.template.spec.containers[0]?.imagePullPolicy, 'Never');
    assert.ok(spec.template.spec.containers[0]?.args.includes('--metrics-address=0.0.0.0:9964'));
    const crd = await cluster().kubectl('get', 'crd', `${plural}.cilium.io`, '-o', 'jsonpath={.spec.names.categories}');
    assert.equal(crd, '["cilium"]');
    // The port of the node is the old agent's until it is gone: the new one asks for it twice a second.
    const metrics = await until('the metrics of the new agent', () =>
      cluster()
        .fetch('http://10.90.0.11:9964/metrics')
        .catch(() => undefined),
    );
    assert.match(metrics.body, /^sluice_/m);
  });

  it('replaces every agent and Envoy without a request that fails', async () => {
    const { apply, kubectl, fetch, waitFor, exec } = cluster();
    // As manifests/README.md asks for: a connection that the old Envoy has not accepted yet passes to the new one.
    for (const node of ['node-1', 'node-2'] as const) await exec(node, 'sysctl', '-w', 'net.ipv4.tcp_migrate_req=1');
    await apply(readFileSync(join(import.meta.dirname, 'testdata/web.yaml'), 'utf8'));
    const ask = async (address: string) => (await fetch('http://web.example/', { address })).status;
    let address = '';
    await waitFor(
      'Ingress',
      'web',
      'has an address',
      (object) => {
        const { loadBalancer } = (object?.status ?? {}) as { loadBalancer?: { ingress?: { ip?: string }[] } };
        address = loadBalancer?.ingress?.[0]?.ip ?? '';
        return address !== '';
      },
      { namespace: 'default' },
    );
    await until('the Ingress to be served', () =>
      ask(address).then(
        (status) => status === 200,
        () => false,
      ),
    );
    const stop = new AbortController();
    const failed: string[] = [];
    let served = 0;
    // Each request is a connection of its own, and the router deals them out to both nodes.
    const clients = Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted)
        await ask(address).then(
          (status) => (status === 200 ? served++ : failed.push(String(status))),
          (error: Error) => failed.push(error.message),
        );
    });
    const before = await namesOf('Pod', ours, namespace);
    await kubectl('rollout', 'restart', '--namespace', namespace, 'daemonset/sluice');
    await kubectl('rollout', 'status', '--namespace', namespace, 'daemonset/sluice', '--timeout=180s');
    await until(
      'the old Pods to have gone',
      async () => {
        const now = await namesOf('Pod', ours, namespace);
        return !before.filter((name) => !name.startsWith('sluice-operator')).some((name) => now.includes(name));
      },
      90_000,
    );
    stop.abort();
    await Promise.all(clients);
    assert.deepEqual(failed, []);
    assert.ok(served > 100, `only ${served} requests`);
  });

  it('leaves CRDs of somebody else as they are', async () => {
    const name = names[0] as string;
    await cluster().kubectl('label', 'crd', name, 'app.kubernetes.io/part-of=cilium', '--overwrite');
    await cluster().kubectl(
      'patch',
      'crd',
      name,
      '--type=json',
      '-p',
      `[{"op": "remove", "path": "/spec/names/categories"}]`,
    );
    const { code, stderr } = await run('upgrade');
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`^note: ${name.replaceAll('.', '\\.')} is not ours, and stays as it is$`, 'm'));
    assert.equal(await cluster().kubectl('get', 'crd', name, '-o', 'jsonpath={.spec.names.categories}'), '');
    await cluster().kubectl('label', 'crd', name, 'app.kubernetes.io/part-of=sluice', '--overwrite');
  });

  it('goes, and leaves the CRDs and nothing else', async () => {
    const { code, stderr } = await run('uninstall');
    assert.equal(code, 0, stderr);
    for (const kind of ['Pod', 'DaemonSet', 'Deployment', 'ServiceAccount', 'ConfigMap', 'Role', 'RoleBinding'])
      assert.deepEqual(await namesOf(kind, ours, namespace), [], kind);
    for (const kind of ['ClusterRole', 'ClusterRoleBinding', 'IngressClass'])
      assert.deepEqual(await namesOf(kind, ours), [], kind);
    assert.ok(!(await namesOf('Lease', {}, namespace)).includes('sluice-operator'));
    assert.deepEqual(await namesOf('CustomResourceDefinition', ours), names);
    const again = await run('uninstall');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /hint: it is not installed there: is --namespace right\?/);
  });

  it('is installed by kubectl alone too', async () => {
    await cluster().kubectl('apply', '--server-side', '--force-conflicts', '-k', join(root, 'manifests'));
    const { code, stderr } = await run('status', '--wait', '--timeout', '3m');
    assert.equal(code, 0, stderr);
    await cluster().kubectl('delete', '-k', join(root, 'manifests/base'));
    await cluster().waitFor('DaemonSet', 'sluice', 'is gone', (found) => found === undefined, { namespace });
  });

  it('goes with its CRDs when it is asked to', async () => {
    const installed = await run('install', '--set', 'image.pullPolicy=Never', '--wait', '--timeout', '3m');
    assert.equal(installed.code, 0, installed.stderr);
    assert.match(installed.stderr, /^ready after \d+\.\d s$/m);
    const { code, stderr } = await run('uninstall', '--crds', '--no-node-cleanup');
    assert.equal(code, 0, stderr);
    for (const name of names)
      await cluster().waitFor('CustomResourceDefinition', name, 'is gone', (found) => found === undefined);
  });
});
