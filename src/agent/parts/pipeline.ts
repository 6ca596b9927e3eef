import type { Meter } from '@opentelemetry/api';
import type { EncodeOptions } from '../../mesh/envoy/index.ts';
import { applyBatch, inputKinds } from '../../mesh/inputs.ts';
import type { Listener, MeshOptions } from '../../mesh/model/index.ts';
import type { SourceBatch } from '../../sources/source.ts';
import { rejectionKey, type ServedRow, servedRows } from '../../status/index.ts';
import { ResourceCache } from '../../xds/index.ts';
import type { followChanges } from '../applied.ts';
import { type ControlPlane, createControlPlane } from '../control-plane.ts';
import { observePlane } from '../plane-metrics.ts';
import { feedResources } from '../resource-feed.ts';

export interface PipelineOptions {
  readonly mesh: MeshOptions;
  readonly encode: EncodeOptions;
  /** Unix socket of Envoy's admin interface. */
  readonly adminSocket: string;
  /** Of a cluster. */
  readonly nodeName?: string;
  /** Whether what policies cannot let through is among the diagnostics. */
  readonly policies?: boolean;
  readonly meter: Meter;
}

/** From what sources say to what xDS serves, each turn of the store one batch. It does no I/O, so there is nothing to close. */
export class Pipeline {
  readonly plane: ControlPlane;
  readonly cache = new ResourceCache();
  readonly #feed: ReturnType<typeof feedResources>;
  readonly #metrics: ReturnType<typeof observePlane>;
  #following: ReturnType<typeof followChanges> | undefined;

  constructor({ mesh, encode, adminSocket, nodeName, policies = false, meter }: PipelineOptions) {
    this.#metrics = observePlane(meter);
    this.plane = createControlPlane({
      mesh,
      encode,
      adminSocket,
      policies,
      ...(nodeName === undefined ? {} : { nodeName }),
      onFlush: (info) => {
        this.#metrics.flushed(info);
        const sequence = this.#feed.publish();
        this.#following?.published(sequence);
      },
    });
    this.#feed = feedResources(this.plane.resources, this.cache);
    this.#metrics.watch(this.plane);
  }

  /** A source's batch: all of it reaches translation, and Envoy, as one change. */
  receive(batch: SourceBatch): void {
    this.#metrics.received(batch.changes.length);
    this.#following?.received(batch);
    applyBatch(this.plane.tables, batch);
  }

  /** Brings everything up to date now, not at the end of the event loop's turn, and into the cache. */
  settle(): void {
    this.plane.store.flush();
    this.#feed.publish();
  }

  /** From now on somebody is told when changes are in force. */
  follow(following: ReturnType<typeof followChanges>): void {
    this.#following = following;
  }

  listeners(): Listener[] {
    return this.plane.listeners.flatMap((collection) => [...collection.values()]);
  }

  /** What is served, at most so many rows. */
  served(most: number): ServedRow[] {
    const isRefused = (name: string) => this.plane.rejections.table.has(rejectionKey({ type: 'listeners', name }));
    return servedRows(this.listeners(), this.plane.routesByTable(), isRefused, most);
  }

  /** Objects by kind; kinds without any are left out. */
  objects(): Record<string, number> {
    const sizes = inputKinds.map((kind) => [kind, this.plane.tables[kind].size] as const);
    return Object.fromEntries(sizes.filter(([, size]) => size > 0));
  }
}
