import type { AnyObject } from '../../../api/index.ts';
import type { KubeClient } from '../../../kube/index.ts';
import { FakeApiServer } from '../../../kube/testing/fake-api-server.ts';
import type { Fault } from '../../../lib/fault.ts';
import { Recorder } from '../../testing/recorder.ts';
import { type KubernetesSource, type KubernetesSourceOptions, openKubernetesSource } from '../source.ts';

/** A source on a fake server, with waits short enough for tests. */
export class SourceRig {
  readonly server: FakeApiServer;
  readonly recorder = new Recorder();
  readonly faults: Fault[] = [];
  readonly client: KubeClient;
  #source: KubernetesSource | undefined;

  private constructor(server: FakeApiServer) {
    this.server = server;
    this.client = server.connect();
  }

  static async start(): Promise<SourceRig> {
    return new SourceRig(await FakeApiServer.start());
  }

  get source(): KubernetesSource {
    if (this.#source === undefined) throw new Error('not opened yet');
    return this.#source;
  }

  /** Not ready yet. */
  begin(options: Partial<KubernetesSourceOptions> = {}): KubernetesSource {
    this.#source = openKubernetesSource({
      sink: this.recorder.sink,
      onDiagnostics: this.recorder.onDiagnostics,
      client: this.client,
      selections: [{ kind: 'ConfigMap' }],
      onFault: (fault) => {
        this.faults.push(fault);
        this.recorder.wake();
      },
      ...options,
      tuning: { backoff: { first: 1, longest: 10 }, ...options.tuning },
    });
    return this.#source;
  }

  async open(options: Partial<KubernetesSourceOptions> = {}): Promise<KubernetesSource> {
    const source = this.begin(options);
    await source.ready;
    return source;
  }

  /** Resolves when the server has these watches, and no other. */
  async untilWatched(...kinds: readonly string[]): Promise<void> {
    await this.server.until(() => [...this.server.openWatches].sort().join() === [...kinds].sort().join());
  }

  async until(condition: () => boolean): Promise<void> {
    await this.recorder.until(condition);
  }

  object(name: string): AnyObject | undefined {
    return [...this.recorder.objects.values()].find(({ metadata }) => metadata.name === name);
  }

  /** `value` of a ConfigMap's data. */
  value(name: string): string | undefined {
    const object = this.object(name);
    return object?.kind === 'ConfigMap' ? object.data.value : undefined;
  }

  async close(): Promise<void> {
    await this.#source?.close();
    this.client.close();
    await this.server.down();
  }
}
