import { type KubeClient, KubeFault, pathOf, persist } from '../../kube/index.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import type { Rejection } from '../../mesh/envoy/resource.ts';
import { encodeRejections, rejectionLabel, rejectionReportName } from '../../status/index.ts';
import type { Table } from '../../store/index.ts';

export interface RejectionPublisherOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly node: string;
  readonly rejections: Table<Rejection>;
  readonly log: Log;
  /** ms for which changes are collected; 500. */
  readonly quiet?: number;
}

const fieldManager = 'sluice-agent';

/**
 * Tells the operator what the Envoy of this node refuses, in a ConfigMap of the node's own: there only while there is
 * something to say, and written only when that changes.
 */
export class RejectionPublisher {
  readonly #options: RejectionPublisherOptions;
  readonly #path: string;
  readonly #abort = new AbortController();
  readonly #unobserve: () => void;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  /** As JSON; undefined: nobody knows what a process before this one left there. */
  #written: string | undefined;

  /** Open it when Envoy has answered for the first time: what it refuses is known only then. */
  constructor(options: RejectionPublisherOptions) {
    this.#options = options;
    const { namespace, node, rejections } = options;
    this.#path = pathOf('ConfigMap', { namespace, name: rejectionReportName(node) });
    this.#unobserve = rejections.observe(() => this.#changed());
    this.#changed();
  }

  /** What is there stays: Envoy goes on without us, and so does what it refuses. */
  async close(): Promise<void> {
    this.#unobserve();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#abort.abort();
    await this.#writing;
  }

  #changed(): void {
    if (this.#abort.signal.aborted) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
    }, this.#options.quiet ?? 500).unref();
  }

  async #write(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#abort;
    let told = '';
    const onFault = (fault: Fault) => {
      if (told !== fault.code) log.warn({ err: fault }, 'what Envoy refused cannot be reported to the operator');
      told = fault.code;
    };
    try {
      // What changes while this is being written is written after it.
      while (this.#content() !== this.#written) await persist(() => this.#writeOnce(), { signal, onFault });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #writeOnce(): Promise<void> {
    const { client, namespace, node } = this.#options;
    const content = this.#content();
    const { signal } = this.#abort;
    if (content === '') {
      await client.request({ method: 'DELETE', path: this.#path, signal }).catch((error: unknown) => {
        if (!(error instanceof KubeFault && error.code === 'KUBE_NOT_FOUND')) throw error;
      });
    } else {
      await client.request({
        method: 'PATCH',
        path: this.#path,
        query: { fieldManager, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: rejectionReportName(node), namespace, labels: { [rejectionLabel]: 'true' } },
          data: { node, ...(JSON.parse(content) as Record<string, string>) },
        },
        signal,
      });
    }
    this.#written = content;
  }

  /** `''`: nothing is refused. */
  #content(): string {
    const { rejections } = this.#options;
    return rejections.size === 0 ? '' : JSON.stringify(encodeRejections(rejections.values()));
  }
}
