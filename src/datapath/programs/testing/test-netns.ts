import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { NetworkNamespace } from '../../netlink/network-namespace.ts';
import type { Kernel } from '../../sys/kernel-calls.ts';

/** A network namespace of a test's own; it goes with the test's process, however that ends. */
export class TestNetns {
  readonly namespace: NetworkNamespace;
  readonly #child: ChildProcess;

  private constructor(namespace: NetworkNamespace, child: ChildProcess) {
    this.namespace = namespace;
    this.#child = child;
  }

  static async start(kernel: Kernel): Promise<TestNetns> {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', '--', 'sleep', 'infinity'], {
      stdio: 'ignore',
    });
    await once(child, 'spawn');
    const path = `/proc/${child.pid}/ns/net`;
    while (readlinkSync(path) === readlinkSync('/proc/self/ns/net')) await sleep(1);
    return new TestNetns(new NetworkNamespace(kernel, path), child);
  }

  /** Synchronous work in the namespace. */
  run<T>(work: () => T): T {
    return this.namespace.run(work);
  }

  ip(...args: string[]): string {
    return execFileSync('nsenter', [`--net=${this.namespace.path}`, '--', 'ip', ...args], { encoding: 'utf8' });
  }

  /** Number of a new veth's first end; `NAMEp` is the other. */
  addVeth(name: string): number {
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    this.ip('link', 'set', name, 'up');
    this.ip('link', 'set', `${name}p`, 'up');
    return Number(this.ip('-o', 'link', 'show', name).split(':')[0]);
  }

  async stop(): Promise<void> {
    this.namespace.close();
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
