import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BenchNotPossible } from '../bench.ts';
import { now } from './clock.ts';

/** A program that a bench runs; what it writes to standard error is kept for when it fails. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** ms on the monotonic clock, taken before the process was made. */
  readonly startedAt: number;
  /** The end of its standard error. */
  errors(): string;
  /** SIGTERM, and SIGKILL to one that does not heed it for 15 s. */
  stop(): Promise<void>;
}

export function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; detached?: boolean } = {},
): Running {
  const startedAt = now();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-20_000);
  });
  child.stdin.on('error', () => {});
  const exited = once(child, 'close').catch(() => {});
  return {
    child,
    pid: child.pid ?? 0,
    startedAt,
    errors: () => errors,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exited;
      clearTimeout(force);
    },
  };
}

/** A program's path. @throws BenchNotPossible with what to install */
export function needProgram(name: string, install: string): string {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  throw new BenchNotPossible(`${name} is needed and is not on PATH; \`${install}\` installs it`);
}

/** MB (a million bytes) of memory in use, as the kernel counts it. */
export function residentMB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}

/** ms of CPU that a process has had so far, all its threads together. */
export function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, second, may hold spaces: fields are counted from behind it. utime and stime are fields 14 and 15, in 1/100 s.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
