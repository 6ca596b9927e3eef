import { spawn } from 'node:child_process';
import { createWriteStream, globSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Testbed } from '../testbed.ts';
import type { Suite } from './module.ts';
import { type Outcome, parseOutcome } from './test-output.ts';

const root = join(import.meta.dirname, '../../..');
export const cacheDir = join(root, '.cache/conformance');
/** All that the suite printed last. */
export const logFile = join(cacheDir, 'gateway.log');

export const profiles = ['GATEWAY-HTTP', 'GATEWAY-GRPC', 'GATEWAY-TLS', 'GATEWAY-TCP', 'GATEWAY-UDP'];

export interface SuiteRun {
  /** Only these tests; all unless given. The suite counts the others as skipped. */
  readonly only?: readonly string[];
  /** Where the suite writes its report. */
  readonly report?: string;
  /** Each test that was run, as it ends. */
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** Runs the suite against what is installed on the testbed. Resolves to its exit code. */
export async function runSuite(suite: Suite, testbed: Testbed, options: SuiteRun): Promise<number> {
  mkdirSync(cacheDir, { recursive: true });
  const command = testbed.inNetwork([suite.binary, ...suiteFlags(suite, testbed, options)]);
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: cacheDir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KUBECONFIG: testbed.kubeconfig },
  });
  const output = createWriteStream(logFile);
  child.stderr.pipe(output, { end: false });
  const closed = new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 1)));
  const interrupt = () => void child.kill('SIGINT');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  for await (const line of createInterface({ input: child.stdout })) {
    output.write(`${line}\n`);
    const outcome = parseOutcome(line);
    if (outcome !== undefined && outcome.result !== 'SKIP') options.onOutcome?.(outcome);
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  const code = await closed;
  output.end();
  return code;
}

/** The features are not among them: the suite reads them from the GatewayClass' status. */
function suiteFlags(suite: Suite, { settings }: Testbed, { only, report }: SuiteRun): string[] {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const pool = settings.lbPool.replace(/\.\d+\/\d+$/, '');
  return [
    '-test.v',
    '-test.timeout=60m',
    // They wait for most of the time.
    '-test.parallel=4',
    '--gateway-class=cilium',
    `--conformance-profiles=${profiles.join(',')}`,
    `--usable-address=${pool}.250`,
    // In nobody's pool, and so given to nobody.
    '--unusable-address=192.0.2.1',
    '--organization=sluice',
    '--project=sluice',
    '--url=https://sluice.dev',
    `--version=v${version}`,
    '--contact=https://sluice.dev',
    ...(report === undefined ? [] : [`--report-output=${report}`]),
    ...(only === undefined ? [] : [`--skip-tests=${testsOf(suite).filter((test) => !only.includes(test))}`]),
  ];
}

/** The names of all tests of the suite. */
export function testsOf({ dir }: Suite): string[] {
  const named = globSync('tests/*.go', { cwd: dir }).flatMap((file) => [
    ...readFileSync(join(dir, file), 'utf8').matchAll(/^\s*ShortName:\s*"(\w+)"/gm),
  ]);
  return named.map((match) => match[1] as string).sort();
}
