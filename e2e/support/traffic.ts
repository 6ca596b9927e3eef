import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Program, startProgram } from './program.ts';
import { until } from './until.ts';

const root = join(import.meta.dirname, '../..');

/** What became of one connection, datagram or ping. */
export type Outcome = 'ok' | 'timeout' | 'refused' | 'reset' | 'unreachable' | (string & {});

/** Exchanges one after the other. */
export interface Rate {
  readonly done: number;
  readonly failed: number;
  readonly seconds: number;
  /** The longest, in ms. */
  readonly worst: number;
  /** CPU time of the client, seconds. */
  readonly cpu: number;
}

/** On one connection; each on a new one, ended by a reset; each on a new one, closed in good order. */
export type RateKind = 'rr' | 'crr' | 'crr-close';

/** A connection that stays open. */
export interface LiveConnection {
  /** How opening it went. */
  readonly opened: Outcome;
  /** One message there and back. @param within ms */
  exchange(within?: number): Promise<Outcome>;
  close(): Promise<void>;
}

/** ms that a client waits for an answer: seconds, on a machine that is busy. Tests that expect none say less. */
const patience = 10_000;

/** Programs in one network namespace. Each names its address and port as they are, of either family. */
export class Traffic {
  readonly #netns: string;
  readonly #cpu: number | undefined;

  /** @param netns path of the namespace @param cpu the one that its programs run on; any by default */
  constructor(netns: string, cpu?: number) {
    this.#netns = netns;
    this.#cpu = cpu;
  }

  /** Echoes TCP and UDP on every address. */
  serve(...ports: number[]): Promise<Program> {
    return startProgram(...this.#command('serve', ...ports.map(String)), /ready/);
  }
  tcp(address: string, port: number, wait = patience): Promise<Outcome> {
    return this.#once('tcp', address, `${port}`, `${wait}`);
  }
  udp(address: string, port: number, { wait = patience, bytes = 64 } = {}): Promise<Outcome> {
    return this.#once('udp', address, `${port}`, `${wait}`, `${bytes}`);
  }
  ping(address: string, wait = patience): Promise<Outcome> {
    return this.#once('ping', address, `${wait}`);
  }

  async live(address: string, port: number, wait = patience): Promise<LiveConnection> {
    const child = spawn(...this.#command('live', address, `${port}`, `${wait}`), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => ((await lines.next()).value as string | undefined) ?? 'ended';
    const opened = await next();
    return {
      opened,
      exchange(within = patience) {
        child.stdin.write(`${within}\n`);
        return next();
      },
      async close() {
        child.stdin.end();
        await ended;
      },
    };
  }

  /** Exchanges of a byte for some seconds. */
  async rate(kind: RateKind, address: string, port: number, seconds: number, connections = 1): Promise<Rate> {
    const args = this.#command(kind, address, `${port}`, `${seconds}`, `${connections}`);
    const { stdout } = await promisify(execFile)(...args);
    return parseRate(stdout);
  }

  /** The same until it is stopped. */
  async load(kind: 'rr' | 'crr', address: string, port: number, connections = 1): Promise<{ stop(): Promise<Rate> }> {
    const program = await startProgram(...this.#command(kind, address, `${port}`, '0', `${connections}`), /ready/);
    return {
      async stop() {
        await program.stop();
        // What it printed last may come after it has ended.
        await until('the rate', () => program.stdout().trimEnd().endsWith('}'));
        return parseRate(program.stdout());
      },
    };
  }

  #command(...args: string[]): [string, string[]] {
    const pin = this.#cpu === undefined ? [] : ['taskset', '--cpu-list', `${this.#cpu}`];
    return ['nsenter', [`--net=${this.#netns}`, '--', ...pin, trafficProgram(), ...args]];
  }
  async #once(...args: string[]): Promise<Outcome> {
    const { stdout } = await promisify(execFile)(...this.#command(...args));
    return stdout.trim();
  }
}

function parseRate(stdout: string): Rate {
  const line = stdout.trim().split('\n').at(-1) ?? '';
  return JSON.parse(line) as Rate;
}

/** Path of the program, compiled when its source is newer. */
function trafficProgram(): string {
  const source = join(import.meta.dirname, 'traffic/traffic.c');
  const out = join(root, '.cache/traffic');
  if (!existsSync(out) || statSync(out).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(dirname(out), { recursive: true });
    const fresh = `${out}.${process.pid}`;
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', fresh, source], { stdio: 'inherit' });
    renameSync(fresh, out);
  }
  return out;
}
