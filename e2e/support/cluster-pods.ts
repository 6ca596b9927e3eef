import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { dump } from 'js-yaml';
import { pathOf } from '../../src/kube/index.ts';
import { helmCommand } from '../../tools/manifests/chart.ts';
import { testserverImage } from '../cluster/images.ts';
import type { ClusterRig } from './cluster-rig.ts';
import { outcome, sluice, userEnv } from './sluice-cli.ts';
import { sluiceImageArchive } from './sluice-image.ts';

export interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly phase: string;
  };
}

/** Where the pods of tests are. */
export const namespace = 'default';

/** Servers on port 8080, spread evenly over the nodes. */
export function deployment(name: string, replicas: number, labels: Readonly<Record<string, string>> = {}): string {
  return dump({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...labels } },
        spec: {
          terminationGracePeriodSeconds: 0,
          topologySpreadConstraints: [
            {
              ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
              labelSelector: { matchLabels: { app: name } },
            },
          ],
          containers: [
            {
              ...{ name: 'server', image: testserverImage, imagePullPolicy: 'Never' },
              args: ['serve', '8080'],
              // Its share of a busy machine: without one, a pod may have to wait for seconds, and so may who asks it.
              resources: { requests: { cpu: '100m' } },
              readinessProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  });
}

/** `sluice install --wait` of what is built now, with a datapath of eBPF. */
export async function installDatapath(rig: ClusterRig, values: readonly string[]): Promise<void> {
  await rig.load(sluiceImageArchive().path);
  const all = ['image.pullPolicy=Never', 'datapath.mode=ebpf', ...values];
  await runSluice(rig, 'install', ...all.flatMap((value) => ['--set', value]), '--wait', '--timeout', '4m');
}

/** The command line as the administrator; fails with what it said. @returns its standard error */
export async function runSluice(rig: ClusterRig, ...args: readonly string[]): Promise<string> {
  const env = userEnv({ KUBECONFIG: rig.kubeconfig, SLUICE_HELM: helmCommand() });
  const { code, stderr } = await outcome(sluice, args, env);
  assert.equal(code, 0, stderr);
  return stderr;
}

/** Of a Deployment. */
export async function podsOf({ kube }: ClusterRig, app: string): Promise<PodObject[]> {
  const query = { labelSelector: `app=${app}` };
  const path = pathOf('Pod', { namespace });
  return (await kube.request<{ items: PodObject[] }>({ method: 'GET', path, query })).items;
}

/** Waits until so many pods of a Deployment are ready. */
export async function runningPods(rig: ClusterRig, app: string, count: number): Promise<PodObject[]> {
  await rig.waitFor(
    'Deployment',
    app,
    `${count} pods ready`,
    (object) => (object?.status as { readyReplicas?: number } | undefined)?.readyReplicas === count,
    { namespace, timeout: 120_000 },
  );
  return podsOf(rig, app);
}

/** Where a pod's server is, by each address that it has. */
export function urlsOf({ status }: PodObject): string[] {
  return (status.podIPs ?? []).map(({ ip }) => `http://${ip.includes(':') ? `[${ip}]` : ip}:8080/`);
}

/** At how many of its addresses one pod gets an answer from another. @param seconds that each has for it */
export async function reaches(
  rig: ClusterRig,
  from: PodObject,
  to: PodObject,
  seconds = 5,
): Promise<'all' | 'none' | 'some'> {
  const answers = await Promise.all(urlsOf(to).map((url) => asks(rig, from, url, seconds)));
  assert.ok(answers.length > 0, `${to.metadata.name} has no address`);
  return answers.every(Boolean) ? 'all' : answers.some(Boolean) ? 'some' : 'none';
}

/** Whether a pod gets an answer from a URL. */
async function asks({ kubectl }: ClusterRig, from: PodObject, url: string, seconds: number): Promise<boolean> {
  try {
    await kubectl('exec', '-n', namespace, from.metadata.name, '--', '/testserver', 'get', url, `${seconds}`);
    return true;
  } catch {
    return false;
  }
}

/** What `testserver load` saw. */
export interface Seen {
  readonly requests: number;
  readonly lost: readonly string[];
  readonly answered: number;
  readonly refused: number;
  readonly errors: readonly string[];
}

/** Asks servers without pause from within a pod: one connection each that is held, and new ones. Resolves when each was tried. */
export async function startLoad(
  rig: ClusterRig,
  from: PodObject,
  urls: readonly string[],
): Promise<() => Promise<Seen>> {
  const args = ['exec', '-i', '-n', namespace, from.metadata.name, '--', '/testserver', 'load', ...urls];
  const child = spawn(rig.binaries.kubectl, args, {
    env: { ...process.env, KUBECONFIG: rig.kubeconfig },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the load has ended');
    return value as string;
  };
  assert.equal(await line(), 'loading');
  return async () => {
    child.stdin.end();
    return JSON.parse(await line()) as Seen;
  };
}
