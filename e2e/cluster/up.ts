import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type KubeClient, openKube } from '../../src/kube/index.ts';
import { Fault } from '../../src/lib/fault.ts';
import { until } from '../support/until.ts';
import { type Binaries, ensureBinaries } from './binaries.ts';
import { type Component, componentPid, startComponent } from './component.ts';
import { allComponents } from './components.ts';
import { controlPlaneComponents, prepareControlPlane, writeControlPlaneConfig } from './control-plane.ts';
import { destroy } from './down.ts';
import { cacheDir } from './go-build.ts';
import { ensureImages, loadImage } from './images.ts';
import { withLock } from './lock.ts';
import { raiseLimits } from './machine-limits.ts';
import { createMember, entering, findInit } from './namespaces.ts';
import { connectNode, controlPlaneRoutes, prepareControlPlaneNetwork, prepareNodeNetwork } from './network.ts';
import { containerdSocket, nodeComponents, prepareNodeComponents, writeNodeConfig } from './node-components.ts';
import { prepareNodeRoot } from './node-root.ts';
import { createAll, dnsObjects, nodeObject, proxyBinding } from './objects.ts';
import { adminKubeconfig, writePki } from './pki.ts';
import type { Progress } from './progress.ts';
import { checkSettings, type Member, members, nodeName, nodeNumbers, type Settings, stateDir } from './settings.ts';
import { type Command, run, script } from './shell.ts';
import { chooseApiPort, gateComponent, startGate } from './start-gate.ts';
import { createState, readState, writeState } from './state.ts';
import { isTrue, watchUntil } from './watch-until.ts';
import { whileRunning } from './while-running.ts';

export interface UpResult {
  readonly settings: Settings;
  /** Whether it was up before. */
  readonly already: boolean;
}

/**
 * Brings a testbed up, or does nothing when it is up; a component that has ended is started again. What a starter that was
 * killed has left is removed first.
 */
export async function up(wanted: Settings, progress: Progress): Promise<UpResult> {
  checkSettings(wanted);
  if (process.getuid?.() !== 0)
    throw new Fault('CLUSTER_ROOT', 'a testbed needs root, for its namespaces, mounts and cgroups', {
      hint: 'Run it with sudo, or in a container with --privileged.',
    });
  const binaries = await ensureBinaries(progress);
  const images = await ensureImages(binaries, progress);
  return withLock(wanted.name, progress, async () => {
    const there = readState(wanted.name);
    if (there?.phase === 'ready' && members(there.settings).every((member) => findInit(wanted.name, member))) {
      await resume(there.settings, wanted, binaries, progress);
      return { settings: there.settings, already: true };
    }
    await progress.step('what was left of an earlier start', () => destroy(wanted.name));
    const settings = { ...wanted, apiPort: await chooseApiPort(wanted.apiPort) };
    createState(settings);
    await start(settings, binaries, images, progress);
    writeState({ settings, phase: 'ready' });
    return { settings, already: false };
  });
}

async function resume(settings: Settings, wanted: Settings, binaries: Binaries, progress: Progress): Promise<void> {
  const same = { ...wanted, apiPort: wanted.apiPort === 0 ? settings.apiPort : wanted.apiPort };
  if (!isDeepStrictEqual(same, settings))
    throw new Fault(
      'CLUSTER_SETTINGS',
      `testbed ${settings.name} is up with other settings: ${JSON.stringify(settings)}`,
      {
        hint: 'Take it down first, or give this one another --name.',
      },
    );
  for (const component of allComponents(settings, binaries)) {
    if (componentPid(settings.name, component) !== undefined) continue;
    await progress.step(`${component.name} had ended: starting it again`, () => startAny(settings, component));
  }
  using kube = open(settings);
  const all = allComponents(settings, binaries);
  await progress.step('API server', () => whileRunning(settings.name, all, ready(kube.client)));
  if (settings.cni === 'none') return;
  await progress.step('nodes ready', () => whileRunning(settings.name, all, nodesReady(kube.client, settings)));
}

export const startAny = (settings: Settings, component: Component): Promise<void> =>
  component.name === gateComponent(settings).name ? startGate(settings) : startComponent(settings.name, component);

async function start(settings: Settings, binaries: Binaries, images: readonly string[], progress: Progress) {
  const { name } = settings;
  const inits = await progress.step('certificates and namespaces', async () => {
    const [inits] = await Promise.all([createMembers(settings), writePki(settings)]);
    await raiseLimits();
    return inits;
  });
  writeControlPlaneConfig(settings);
  for (const number of nodeNumbers(settings)) writeNodeConfig(settings, number);
  await runIn(name, 'control-plane', [...prepareControlPlane(settings), ...prepareControlPlaneNetwork(settings)]);
  const [etcd, apiServer, ...controllers] = controlPlaneComponents(settings, binaries);
  for (const component of [etcd, apiServer]) await startComponent(name, component as Component);
  await startGate(settings);
  using kube = open(settings);
  await Promise.all([
    progress.step('API server', async () => {
      await whileRunning(name, [etcd, apiServer] as Component[], ready(kube.client));
      await createAll(kube.client, [
        ...nodeNumbers(settings).map((number) => nodeObject(settings, number)),
        proxyBinding,
      ]);
      await Promise.all(controllers.map((component) => startComponent(name, component)));
    }),
    progress.step('containerd and images on each node', () =>
      Promise.all(
        nodeNumbers(settings).map((n) => prepareNode(settings, binaries, images, n, inits.get(nodeName(n)) ?? 0)),
      ),
    ),
  ]);
  await runIn(name, 'control-plane', controlPlaneRoutes(settings));
  for (const number of nodeNumbers(settings))
    await Promise.all(
      nodeComponents(settings, binaries, number)
        .slice(1)
        .map((component) => startComponent(name, component)),
    );
  if (settings.dns) await createAll(kube.client, dnsObjects);
  const all = allComponents(settings, binaries);
  const wait = (title: string, work: () => Promise<void>) =>
    progress.step(title, () => whileRunning(name, all, work()));
  await wait('service accounts', () => accountsReady(kube.client));
  // Without a pod network nothing of this comes, until somebody installs one.
  if (settings.cni === 'none') return;
  await wait('nodes ready', () => nodesReady(kube.client, settings));
  if (settings.dns) await wait('DNS', () => dnsReady(kube.client));
}

/** One after the other: they make the same parent cgroups. Gives their inits' process ids. */
async function createMembers(settings: Settings): Promise<Map<Member, number>> {
  const inits = new Map<Member, number>();
  for (const member of members(settings)) inits.set(member, await createMember(settings.name, member));
  return inits;
}

async function prepareNode(
  settings: Settings,
  binaries: Binaries,
  images: readonly string[],
  number: number,
  init: number,
): Promise<void> {
  const { name } = settings;
  const [containerd] = nodeComponents(settings, binaries, number);
  // The process id is the machine's.
  await runIn(name, 'control-plane', connectNode(number, init), 'network');
  await runIn(name, nodeName(number), [
    ...prepareNodeNetwork(settings, number),
    ...prepareNodeRoot(settings, number, [stateDir(name), cacheDir()]),
    ...prepareNodeComponents(settings, binaries, number),
  ]);
  await startComponent(name, containerd as Component);
  await until(`containerd of ${nodeName(number)}`, () => existsSync(`/proc/${init}/root${containerdSocket}`));
  for (const image of images) await loadImage(name, number, binaries.ctr, image);
}

async function runIn(name: string, member: Member, commands: readonly Command[], scope: 'all' | 'network' = 'all') {
  await run(entering({ name, member, scope }, ['sh', '-c', script(commands)]), { title: `set-up of ${member}` });
}

/** Closed at the end of the scope. */
function open({ name }: Settings): Disposable & { client: KubeClient } {
  const client = openKube({ kubeconfig: adminKubeconfig(name), userAgent: 'sluice-testbed' });
  return { client, [Symbol.dispose]: () => client.close() };
}

/** Anything but a success counts as not yet: the server answers before it is ready. */
async function ready(kube: KubeClient): Promise<void> {
  const ask = () => kube.request({ method: 'GET', path: '/readyz', timeout: 2000 });
  await until(
    'the API server to be ready',
    () =>
      ask()
        .then(() => true)
        .catch(() => false),
    300_000,
  );
}

async function nodesReady(kube: KubeClient, settings: Settings): Promise<void> {
  await watchUntil(
    kube,
    { path: '/api/v1/nodes', what: `${settings.nodes} nodes to be Ready`, timeout: 300_000 },
    (nodes) => nodes.filter((node) => isTrue(node, 'Ready')).length === settings.nodes,
  );
}

/** Without these the first pods of a namespace wait. */
async function accountsReady(kube: KubeClient): Promise<void> {
  const named = (name: string) => (objects: readonly { metadata?: { name?: string } }[]) =>
    objects.some(({ metadata }) => metadata?.name === name);
  const path = '/api/v1/namespaces/default';
  await watchUntil(kube, { path: `${path}/serviceaccounts`, what: 'the default account' }, named('default'));
  await watchUntil(kube, { path: `${path}/configmaps`, what: 'the root certificate' }, named('kube-root-ca.crt'));
}

async function dnsReady(kube: KubeClient): Promise<void> {
  const path = '/apis/apps/v1/namespaces/kube-system/deployments';
  await watchUntil(kube, { path, what: 'CoreDNS to be available', timeout: 300_000 }, (deployments) =>
    deployments.some((deployment) => deployment.metadata?.name === 'coredns' && isTrue(deployment, 'Available')),
  );
}
