import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayCrds } from '../conformance/gateway/module.ts';
import type { ClusterRig } from './cluster-rig.ts';
import { root, sluice, userEnv } from './sluice-cli.ts';
import { until } from './until.ts';

/** What `/v1/status` of an operator says, as far as tests read it. */
interface OperatorStatus {
  readonly leading: boolean;
  readonly leader: string;
}

export interface Operator {
  readonly identity: string;
  status(): Promise<OperatorStatus | undefined>;
  /** Resolves when it leads. */
  leads(): Promise<void>;
  /** One of its own counters, all labels together. */
  counter(name: string): Promise<number>;
  end(signal: NodeJS.Signals): Promise<void>;
  log(): string;
}

/** A `sluice operator` on the testbed's API server, as its administrator. */
export async function startOperator(
  { kubeconfig }: Pick<ClusterRig, 'kubeconfig'>,
  identity: string,
  port: number,
  ...flags: readonly string[]
): Promise<Operator> {
  const args = [
    'operator',
    '--kubeconfig',
    kubeconfig,
    '--identity',
    identity,
    '--metrics-address',
    `127.0.0.1:${port}`,
  ];
  const child = spawn(sluice, [...args, '--log-format', 'json', ...flags], {
    cwd: root,
    env: userEnv(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const exited = once(child, 'close');
  process.once('exit', () => child.kill('SIGKILL'));
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
    return answer?.ok === true ? answer.text() : undefined;
  };
  const status = async () => {
    const text = await get('/v1/status');
    return text === undefined ? undefined : (JSON.parse(text) as OperatorStatus);
  };
  await until(
    () => `operator ${identity}: ${said}`,
    () => {
      if (child.exitCode !== null) throw new Error(`operator ${identity}: ${said}`);
      return get('/readyz');
    },
  );
  return {
    identity,
    status,
    async leads() {
      await until(`operator ${identity} leads`, async () => (await status())?.leading);
    },
    async counter(name) {
      const lines = ((await get('/metrics')) ?? '').split('\n').filter((line) => line.startsWith(`${name}_total`));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    async end(signal) {
      child.kill(signal);
      await exited;
    },
    log: () => said,
  };
}

/** Gateway API's CRDs and our own, and a pool of addresses. */
export async function prepareApi({ kubectl, apply, settings }: ClusterRig): Promise<void> {
  const folder = gatewayCrds();
  const definitions = globSync('gateway.networking.k8s.io_*s.yaml', { cwd: folder })
    .filter((file) => !file.includes('_vap_'))
    .flatMap((file) => ['-f', join(folder, file)]);
  await kubectl('apply', '--server-side', ...definitions);
  await kubectl('apply', '--server-side', '-k', join(root, 'manifests/crds'));
  await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s');
  await apply(`
apiVersion: cilium.io/v2
kind: CiliumLoadBalancerIPPool
metadata: {name: testbed}
spec: {blocks: [{cidr: ${settings.lbPool}}]}
`);
}
