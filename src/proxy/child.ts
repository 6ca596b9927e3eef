import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Logger } from 'pino';
import {
  isAboutFieldMaturity,
  isRefusal,
  isStillAway,
  LineSplitter,
  type LogLevel,
  logFormat,
  parseLogLine,
} from './log-lines.ts';

export interface SpawnOptions {
  readonly binary: string;
  readonly bootstrapPath: string;
  /** Directory of `libsluice.so`. */
  readonly modulesDir: string;
  readonly logger: Logger;
  readonly logLevel: LogLevel;
  /** Worker threads; Envoy's default is one per hardware thread. */
  readonly concurrency?: number | undefined;
  /** Seconds that connections of a removed or changed listener live on. */
  readonly listenerDrainSeconds: number;
  /** Where Envoy's stdout (access logs) goes: ours, nowhere, or a file descriptor. */
  readonly stdout: 'inherit' | 'ignore' | number;
  /** It was asked to stop: what it warns of then (streams that end) is its end. */
  readonly stopping: () => boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what Envoy printed on stderr, oldest first. */
  readonly lastLines: readonly string[];
}

/** One running Envoy process, from spawn to exit. */
export interface EnvoyChild {
  /** Undefined when the process could not be started; `exited` says why. */
  readonly pid: number | undefined;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

const keptLines = 30;

/** Starts Envoy with stderr going to our logger. If this process dies, however it dies, the kernel kills Envoy too. */
export function spawnEnvoy(options: SpawnOptions): EnvoyChild {
  const { logger } = options;
  const args = [
    ...['--config-path', options.bootstrapPath],
    // An unknown field means that what we sent does not do what we meant: an empty RBAC filter would allow all.
    '--reject-unknown-dynamic-fields',
    // Without it every instance needs a base id of its own and shared memory that a crash leaves behind.
    '--disable-hot-restart',
    ...['--drain-strategy', 'immediate', '--drain-time-s', String(options.listenerDrainSeconds)],
    // Access log lines after a second, not ten: somebody may be watching.
    ...['--file-flush-interval-msec', '1000'],
    ...['--log-level', envoyLevel(options.logLevel), '--log-format', logFormat, '--log-format-escaped'],
    ...(options.concurrency === undefined ? [] : ['--concurrency', String(options.concurrency)]),
  ];
  const setpriv = findSetpriv();
  if (setpriv === undefined)
    logger.warn('setpriv is not installed (util-linux): if sluice is killed, its Envoy lives on');
  const [command, ...rest] = setpriv
    ? [setpriv, '--pdeathsig', 'KILL', '--', options.binary, ...args]
    : [options.binary, ...args];
  const child: ChildProcess = spawn(command!, rest, {
    stdio: ['ignore', options.stdout, 'pipe'],
    // A process group of its own: Ctrl-C on a terminal is for us, and we drain Envoy; pdeathsig still ties it to our life.
    detached: true,
    env: {
      ...pick(process.env, ['PATH', 'TZ', 'TMPDIR', 'SSL_CERT_FILE', 'SSL_CERT_DIR']),
      ENVOY_DYNAMIC_MODULES_SEARCH_PATH: options.modulesDir,
    },
  });

  const lastLines: string[] = [];
  const lines = new LineSplitter((line) => {
    if (lastLines.push(line) > keptLines) lastLines.shift();
    const parsed = parseLogLine(line);
    const { component, message } = parsed;
    const expected =
      isRefusal(parsed) ||
      isAboutFieldMaturity(parsed) ||
      isStillAway(parsed) ||
      (parsed.level === 'warn' && options.stopping());
    const level = expected ? 'debug' : parsed.level;
    logger[level]({ component: component || 'stderr' }, message);
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => lines.push(chunk));

  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, lastLines: [error.message] });
    });
    // `close`, not `exit`: the last lines on stderr are the ones that say what happened.
    child.once('close', (code, signal) => {
      lines.end();
      resolve({ code, signal, lastLines });
    });
  });
  return { pid: child.pid, exited, kill: (signal) => void child.kill(signal) };
}

function envoyLevel(level: LogLevel): string {
  return level === 'warn' ? 'warning' : level;
}

let setprivPath: string | undefined;

function findSetpriv(): string | undefined {
  if (setprivPath !== undefined) return setprivPath;
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/bin']) {
    try {
      accessSync(join(dir, 'setpriv'), constants.X_OK);
      setprivPath = join(dir, 'setpriv');
      return setprivPath;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

function pick(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.filter((name) => env[name] !== undefined).map((name) => [name, env[name]]));
}
