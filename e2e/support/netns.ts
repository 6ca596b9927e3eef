import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../..');

export interface Addresses {
  readonly present: string[];
  readonly added: string[];
  readonly removed: string[];
  readonly foreign: string[];
  readonly faults: { readonly code: string; readonly message: string; readonly hint?: string }[];
}

/** A network namespace with nothing but `lo`, and our address reconciler in it. */
export class Netns {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(options: { readonly privileged?: boolean } = {}) {
    const drop = options.privileged === false ? ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'] : [];
    const command = [...drop, join(root, 'tools/node'), join(import.meta.dirname, 'netns-child.ts')];
    this.#child = spawn('unshare', ['--net', '--kill-child', '--fork', '--', ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]();
  }

  reconcile(wanted: readonly string[], keep: readonly string[] = []): Promise<Addresses> {
    return this.#ask({ do: 'reconcile', wanted, keep });
  }

  /** As a process that is started anew: nothing is remembered but what the kernel has. */
  async restart(): Promise<void> {
    await this.#ask({ do: 'restart' });
  }

  ip(...args: string[]): Promise<string> {
    return this.#ask({ do: 'ip', args });
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }

  async #ask<T>(request: object): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value: line, done } = await this.#lines.next();
    if (done === true) throw new Error('the process in the network namespace has ended');
    const answer = JSON.parse(line as string) as { value: T; error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }
}
