import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import { listPages } from './list-pages.ts';
import { Periodic } from './periodic.ts';

export interface CiliumNodeGcOptions {
  /** One that writes only while we lead. */
  readonly client: KubeClient;
  /** ms between two looks, and for which a CiliumNode stays without its Node at least. */
  readonly interval: number;
  readonly log: Log;
}

/**
 * Deletes CiliumNodes whose Node is gone, and with them what they hold of the pools. Two looks must agree: a kubelet that
 * registers its Node anew leaves a moment without one.
 */
export class CiliumNodeGc {
  readonly #options: CiliumNodeGcOptions;
  readonly #periodic: Periodic;
  /** By name, the uid: those without a Node at the last look. */
  #orphans = new Map<string, string>();
  deleted = 0;

  constructor(options: CiliumNodeGcOptions) {
    this.#options = options;
    const { interval, log } = options;
    this.#periodic = new Periodic({
      interval,
      what: 'CiliumNodes without a Node',
      log,
      pass: (signal) => this.pass(signal),
    });
  }

  start(): void {
    this.#orphans.clear();
    this.#periodic.start();
  }
  stop(): void {
    this.#periodic.stop();
  }
  idle(): Promise<void> {
    return this.#periodic.idle();
  }

  /** One look, with what follows from it. */
  async pass(signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    const found = new Map<string, { readonly uid: string; readonly resourceVersion: string }>();
    for await (const page of listPages({ client, kind: 'CiliumNode', signal, metadataOnly: true }))
      for (const { metadata } of page) {
        const { name = '', uid, resourceVersion = '' } = metadata ?? {};
        found.set(name, { uid: String(uid), resourceVersion });
      }
    // Afterwards: a Node is there before its CiliumNode.
    for await (const page of listPages({ client, kind: 'Node', signal, metadataOnly: true }))
      for (const { metadata } of page) found.delete(metadata?.name ?? '');
    const before = this.#orphans;
    this.#orphans = new Map([...found].map(([name, { uid }]) => [name, uid]));
    for (const [name, preconditions] of found) {
      if (before.get(name) !== preconditions.uid) continue;
      signal.throwIfAborted();
      try {
        await client.request({
          method: 'DELETE',
          path: pathOf('CiliumNode', { name }),
          body: { preconditions },
          signal,
        });
        this.deleted++;
        log.info({ node: name }, 'CiliumNode deleted: there is no Node of this name');
      } catch (error) {
        // Its agent is alive, or somebody else has deleted it.
        const code = error instanceof KubeFault ? error.code : '';
        if (code !== 'KUBE_CONFLICT' && code !== 'KUBE_NOT_FOUND') throw error;
      }
    }
  }
}
