import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { NodeStatus } from '../../../src/agent/node-status.ts';
import { askAgent, askAgentJson } from '../../../src/cli/agent-client.ts';
import { freePort } from '../../support/proxy-rig.ts';
import { type BenchContext, BenchNotPossible } from '../bench.ts';
import { type Running, run } from './process.ts';

const root = join(import.meta.dirname, '../../..');
let built = false;

/** The built `sluice run`, as a user starts it. */
export interface SluiceRun extends Running {
  readonly stateDir: string;
  readonly httpPort: number;
  readonly metricsPort: number;
  status(): Promise<NodeStatus>;
  /** The control plane's own metrics. */
  metrics(): Promise<string>;
  alive(): boolean;
}

/** Starts `bin/sluice run` on folders, with free ports; it ends with the bench at the latest. */
export async function startSluice(
  context: BenchContext,
  paths: readonly string[],
  options: { name?: string; args?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<SluiceRun> {
  build();
  const { name = 'state', args = [], env = {} } = options;
  const stateDir = join(context.dir, name);
  const [httpPort, httpsPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const flags = {
    '--state-dir': stateDir,
    '--http-port': httpPort,
    '--https-port': httpsPort,
    '--metrics-address': `127.0.0.1:${metricsPort}`,
    '--drain-time': '0ms',
    '--log-format': 'json',
  };
  const running = run(
    join(root, 'bin/sluice'),
    ['run', ...paths, ...Object.entries(flags).flatMap(([flag, value]) => [flag, `${value}`]), ...args],
    { env: { ...process.env, ...env } },
  );
  running.child.stdout?.resume();
  context.defer(() => running.stop());
  return {
    ...running,
    stateDir,
    httpPort,
    metricsPort,
    status: () => askAgentJson<NodeStatus>(stateDir, '/v1/status'),
    metrics: async () => (await askAgent(stateDir, '/metrics')).body,
    alive: () => running.child.exitCode === null && running.child.signalCode === null,
  };
}

/** Figures are of what users run: dist/, brought up to date first. */
function build(): void {
  if (built) return;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'tools/build.mjs')], { encoding: 'utf8' });
  if (status !== 0) throw new BenchNotPossible(`npm run build failed:\n${stdout}${stderr}`);
  built = true;
}
