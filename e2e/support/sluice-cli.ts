import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

export const root = join(import.meta.dirname, '../..');
export const sluice = join(root, 'bin/sluice');

/** As a user's shell would have it: without what a CI's proxy or colour settings would change. */
export function userEnv(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env = { ...process.env, ...extra };
  for (const name of Object.keys(env)) if (/^(?:https?|all)_proxy$/i.test(name)) delete env[name];
  return env;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, however it ends. */
export async function outcome(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = userEnv(),
): Promise<Outcome> {
  try {
    const { stdout, stderr } = await promisify(execFile)(file, args, { env, cwd: root, maxBuffer: 64 << 20 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout, stderr };
  }
}

/** A running `sluice run`. */
export interface SluiceRun {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when either output matches; rejects when the process ends before, or after 30 s. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ctrl-C, and what it ended with. */
  interrupt(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function startSluice(args: readonly string[], env: NodeJS.ProcessEnv = userEnv()): SluiceRun {
  const child = spawn(sluice, ['run', ...args], { env, cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let changed = Promise.withResolvers<void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      texts[name] += chunk;
      changed.resolve();
      changed = Promise.withResolvers<void>();
    });
  }
  return {
    process: child,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    async until(pattern) {
      for (;;) {
        const match = pattern.exec(texts.stdout) ?? pattern.exec(texts.stderr);
        if (match !== null) return match;
        const late = delay(60_000, true, { ref: false });
        const over = await Promise.race([changed.promise.then(() => false), exited.then(() => true), late]);
        if (over) throw new Error(`no ${pattern} from sluice:\n${texts.stdout}\n${texts.stderr}`);
      }
    },
    async interrupt() {
      child.kill('SIGINT');
      const [code, signal] = await exited;
      return { code, signal };
    },
  };
}

/** Process ids of all descendants. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      // pid (comm) state ppid: the name may hold anything, brackets too.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // Ended since it was listed.
    }
  }
  const found: number[] = [];
  const visit = (parent: number) => {
    for (const [child, of] of parents) {
      if (of !== parent) continue;
      found.push(child);
      visit(child);
    }
  };
  visit(pid);
  return found;
}
