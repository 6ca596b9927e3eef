import { join } from 'node:path';
import type { Progress } from './progress.ts';
import { run } from './shell.ts';

const setup = join(import.meta.dirname, '../../tools');

/** The `go` command: the one on PATH when it is new enough, else the one that the set-up gets. */
export async function ensureGo(progress: Progress): Promise<string> {
  const print = `import { ensureGo } from ${JSON.stringify(join(setup, 'setup-go.mjs'))}; console.log(ensureGo());`;
  return progress.step('Go', () => lastLine(run([process.execPath, '--input-type=module', '-e', print])));
}

/** Installs the system packages that a testbed needs and the machine lacks. */
export async function ensurePackages(progress: Progress): Promise<void> {
  await progress.step('system packages', () => run([process.execPath, join(setup, 'setup-cluster.mjs')]));
}

async function lastLine(printed: Promise<string>): Promise<string> {
  return (await printed).trim().split('\n').at(-1) ?? '';
}
