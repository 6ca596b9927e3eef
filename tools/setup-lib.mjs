// What the setup steps share: how they run commands, report progress and give up.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

/** The file that a command name runs, or undefined. */
export function has(command) {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    try {
      accessSync(join(dir, command), constants.X_OK);
      return join(dir, command);
    } catch {}
  }
  return undefined;
}

/** Says what is being done before, and how long it took after: every step that gets this far takes seconds. */
export function step(title, work) {
  const started = performance.now();
  console.log(`setup: ${title} ...`);
  const result = work();
  console.log(`setup: ${title}: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

/** Runs a command to its end; its failure ends the setup with what it printed. */
export function run(command, args, { quiet = false, ...options } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    encoding: 'utf8',
    ...options,
  });
  if (result.status === 0) return result.stdout;
  if (quiet) console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  fail(`${command} ${args.join(' ')}: ${result.error?.message ?? `exit status ${result.status ?? result.signal}`}`);
}
