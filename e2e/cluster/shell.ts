import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { Fault } from '../../src/lib/fault.ts';

/** A command and its arguments; never parsed by a shell. */
export type Command = readonly string[];

/** One word for a POSIX shell. */
export const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Commands as one shell script, which ends at the first that fails: one process to start in place of many. */
export const script = (commands: readonly Command[]): string =>
  ['set -e', ...commands.map((words) => words.map(quote).join(' '))].join('\n');

export interface RunOptions extends SpawnOptions {
  readonly input?: string;
  /** What a failure calls the command, when its own words say more about how than about what. */
  readonly title?: string;
}

/** Runs a command to its end and gives what it printed; a Fault with its standard error when it fails. */
export async function run(command: Command, options: RunOptions = {}): Promise<string> {
  const { input, title = command.join(' '), ...spawning } = options;
  const child = start(command, { ...spawning, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A command that does not read its input may have closed it.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input ?? '');
  const { code, signal, error } = await ended(child);
  if (code === 0) return stdout;
  const why = [error?.message ?? signal ?? `exit code ${code}`, stderr.trim().slice(-2000)].filter(Boolean);
  throw new Fault('CLUSTER_COMMAND', `${title}: ${why.join('\n')}`, { cause: error });
}

export function start([file = '', ...args]: Command, options: SpawnOptions): ChildProcess {
  return spawn(file, args, options);
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: Error;
}

/** Resolves when the process and its output have ended; never rejects. */
export function ended(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
