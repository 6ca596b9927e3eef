import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A network namespace with nothing but `lo`, held by a process that does nothing. It has no name: it goes with the process. */
export class BareNetns {
  readonly path: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.path = `/proc/${child.pid}/ns/net`;
  }

  static async start(): Promise<BareNetns> {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', '--', 'sleep', 'infinity'], {
      stdio: 'ignore',
    });
    await once(child, 'spawn');
    const netns = new BareNetns(child);
    const mine = readlinkSync('/proc/self/ns/net');
    while (child.exitCode === null && readlinkSync(netns.path) === mine) await sleep(1);
    return netns;
  }

  /** What `ip` prints in it. */
  ip(...args: string[]): string {
    return this.run('ip', ...args);
  }

  /** What `ip -json` prints in it. */
  ipJson<T>(...args: string[]): T[] {
    const text = this.run('ip', '-json', ...args);
    return text.trim() === '' ? [] : (JSON.parse(text) as T[]);
  }

  run(command: string, ...args: string[]): string {
    return execFileSync('nsenter', [`--net=${this.path}`, '--', command, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
