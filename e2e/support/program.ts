import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A process that a test started. */
export interface Program {
  readonly pid: number;
  /** All that it has printed so far. */
  stdout(): string;
  stderr(): string;
  alive(): boolean;
  kill(signal: NodeJS.Signals): void;
  /** Resolves at its end, however it comes. */
  readonly ended: Promise<void>;
  /** SIGTERM, and SIGKILL after 15 s. */
  stop(): Promise<void>;
}

/** Starts a program and waits until it prints what fits `ready`, on either stream. Rejects with its output otherwise. */
export async function startProgram(
  command: string,
  args: readonly string[],
  ready: RegExp,
  options: { timeout?: number } = {},
): Promise<Program> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  const isReady = Promise.withResolvers<void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
      if (ready.test(printed[name])) isReady.resolve();
    });
  }
  const alive = () => child.exitCode === null && child.signalCode === null;
  // The streams' end is not waited for: what it started may hold them.
  const ended = once(child, 'exit').then(
    () => {},
    (error: Error) => {
      printed.stderr += error.message;
    },
  );
  const stop = async () => {
    if (alive()) child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(force);
  };
  const { timeout = 60_000 } = options;
  const late = setTimeout(() => isReady.reject(new Error(`not ready within ${timeout / 1000} s`)), timeout);
  try {
    await Promise.race([isReady.promise, ended.then(() => Promise.reject(new Error('it ended')))]);
  } catch (error) {
    await stop();
    const what = `${command} ${args.join(' ')}: ${(error as Error).message}`;
    throw new Error(`${what}\n${printed.stdout.slice(-5000)}\n${printed.stderr.slice(-5000)}`);
  } finally {
    clearTimeout(late);
  }
  return {
    pid: child.pid ?? 0,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    kill: (signal) => void child.kill(signal),
    ...{ alive, ended, stop },
  };
}
