/** For tests only: writers between a store and a scripted API server. */
import { type ObjectRef, refKey } from '../../api/index.ts';
import { pathOf, type RawObject, resourceOf } from '../../kube/index.ts';
import { createLog } from '../../lib/log.ts';
import type { ObjectStatus } from '../../mesh/model/index.ts';
import { Store } from '../../store/index.ts';
import { LiveObjects, liveRef } from '../live-objects.ts';
import { StatusWriter } from '../status-writer.ts';
import { FakeApi } from './fake-api.ts';

export const silent = createLog({ level: 'silent', format: 'json' });

export const objectPath = ({ kind, namespace, name }: ObjectRef): string =>
  pathOf(kind, { name, ...(namespace === undefined ? {} : { namespace }) });

/** The API server, what is known of it, and how that comes about: at once, or when a test says so. */
export class Cluster {
  readonly api = new FakeApi();
  readonly live = new LiveObjects();
  readonly store = new Store({ schedule: () => {} });
  readonly #abort = new AbortController();

  /** Tells `live` of what happens to objects of these kinds. */
  follow(...kinds: string[]): void {
    for (const kind of kinds) void this.#follow(kind);
  }
  create(ref: ObjectRef, object: RawObject = {}): void {
    const { kind, namespace, name } = ref;
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...object.metadata };
    const stored = this.api.put(objectPath(ref), { ...object, metadata });
    this.live.set(stored, resourceOf(kind));
  }
  get(ref: ObjectRef): RawObject {
    return this.api.objects.get(objectPath(ref)) as RawObject;
  }
  close(): void {
    this.#abort.abort();
  }

  async #follow(kind: string): Promise<void> {
    const resource = resourceOf(kind);
    for await (const { type, object } of this.api.client('watch').watch({
      path: pathOf(kind),
      signal: this.#abort.signal,
    })) {
      const { namespace, name = '' } = object.metadata ?? {};
      if (type === 'DELETED') this.live.delete(liveRef(resource, namespace, name));
      else this.live.set(object, resource);
    }
  }
}

export class StatusRig extends Cluster {
  readonly desired = this.store.table<ObjectStatus>('desired');
  readonly writer = new StatusWriter({
    client: this.api.client('operator'),
    live: this.live,
    desired: [this.desired],
    log: silent,
    limits: { quiet: 1, longest: 4 },
  });

  say(ref: ObjectRef, value: ObjectStatus['value'] | undefined): void {
    if (value === undefined) this.desired.delete(refKey(ref));
    else this.desired.set(refKey(ref), { ref, value });
    this.store.flush();
  }
  writes(): string[] {
    return this.api.log.filter((line) => line.startsWith('PATCH'));
  }
  override close(): void {
    this.writer.stop();
    super.close();
  }
}
