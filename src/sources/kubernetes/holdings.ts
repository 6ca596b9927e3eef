import { type AnyObject, parseObject, refOf } from '../../api/index.ts';
import {
  type Follower,
  isCustom,
  type RawMeta,
  type RawObject,
  type Resource,
  type WatchEvent,
} from '../../kube/index.ts';
import { equal } from '../../lib/equal.ts';
import type { Changes } from './changes.ts';

/** Sees each version of each object as the API server sent it, before it is parsed; `raw` is undefined when it is gone. */
export type RawTap = (resource: Resource, key: string, raw: RawObject | undefined) => void;

/** One object of the server. */
interface Held {
  /** As it was read, good or bad. */
  version: string;
  /** In force: that version, or the last good one before it. */
  object: AnyObject | undefined;
  /** Whether `object` is that version. */
  good: boolean;
}

export interface HoldingsOptions {
  readonly resource: Resource;
  readonly changes: Changes;
  /**
   * Another resource that gives objects of the same kind, which count where this one has none of the name: `XListenerSet`
   * is read as `ListenerSet`.
   */
  readonly beneath?: Holdings | undefined;
  readonly onRaw?: RawTap | undefined;
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The objects of one resource that are in force, in step with what a reflector sees. Only real changes are passed on: an
 * object whose version is known is not even parsed, and a status that its controller wrote is no change of what we read.
 */
export class Holdings implements Follower {
  readonly #resource: Resource;
  readonly #changes: Changes;
  readonly #beneath: Holdings | undefined;
  readonly #onRaw: RawTap | undefined;
  #above: Holdings | undefined;
  readonly #held = new Map<string, Held>();
  /** Keys of the list that is coming. */
  #seen: Set<string> | undefined;
  #bad = 0;
  #synced = (): void => {};
  /** Resolves at the end of the first list. */
  readonly synced = new Promise<void>((resolve) => {
    this.#synced = resolve;
  });

  constructor({ resource, changes, beneath, onRaw }: HoldingsOptions) {
    this.#resource = resource;
    this.#changes = changes;
    this.#beneath = beneath;
    this.#onRaw = onRaw;
    if (beneath !== undefined) beneath.#above = this;
  }

  /** Objects on the server; those in force are fewer where some were never good. */
  get size(): number {
    return this.#held.size;
  }

  get bad(): number {
    return this.#bad;
  }

  get inForce(): number {
    if (this.#bad === 0) return this.#held.size;
    let count = 0;
    for (const { object } of this.#held.values()) if (object !== undefined) count++;
    return count;
  }

  /** In force, by `namespace/name`. */
  objectOf(key: string): AnyObject | undefined {
    return this.#held.get(key)?.object;
  }

  startList(): void {
    this.#seen = new Set();
  }

  listed(objects: readonly RawObject[]): void {
    for (const object of objects) this.#seen?.add(this.#set(object));
  }

  unlisted(object: RawObject): void {
    const key = keyOf(object.metadata);
    this.#seen?.delete(key);
    this.#delete(key);
  }

  endList(): void {
    const seen = this.#seen;
    this.#seen = undefined;
    if (seen !== undefined && seen.size < this.#held.size)
      for (const key of [...this.#held.keys()]) if (!seen.has(key)) this.#delete(key);
    this.#synced();
  }

  changed(events: readonly WatchEvent[]): void {
    for (const { type, object } of events)
      if (type === 'DELETED') this.#delete(keyOf(object.metadata));
      else this.#set(object);
  }

  /** The resource is not there (any more), or nobody needs it. */
  clear(): void {
    for (const key of [...this.#held.keys()]) this.#delete(key);
    this.#synced();
  }

  #set(raw: RawObject): string {
    const key = keyOf(raw.metadata);
    const version = raw.metadata?.resourceVersion ?? '';
    let held = this.#held.get(key);
    if (held?.version === version) return key;
    this.#onRaw?.(this.#resource, key, raw);
    if (held === undefined) {
      held = { version, object: undefined, good: true };
      this.#held.set(key, held);
    }
    held.version = version;
    const lean = strip(raw, this.#resource);
    if (held.good && held.object !== undefined && isSameSpec(held.object, lean, this.#resource)) return key;
    const { object, diagnostics } = parseObject(lean, { unknownFields: 'warning' });
    const good = object !== undefined;
    if (good !== held.good) this.#bad += good ? -1 : 1;
    held.good = good;
    this.#changes.diagnose(`${this.#resource.kind}/${key}`, diagnostics);
    if (object === undefined || (held.object !== undefined && equal(held.object, object))) return key;
    const before = held.object;
    held.object = object;
    this.#tell(key, before, object);
    return key;
  }

  #delete(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#onRaw?.(this.#resource, key, undefined);
    if (!held.good) this.#bad--;
    this.#changes.diagnose(`${this.#resource.kind}/${key}`, []);
    if (held.object !== undefined) this.#tell(key, held.object, undefined);
  }

  #tell(key: string, before: AnyObject | undefined, now: AnyObject | undefined): void {
    if (this.#above?.objectOf(key) !== undefined) return;
    const other = this.#beneath?.objectOf(key);
    const object = (now ?? before) as AnyObject;
    this.#changes.put(refOf(object), before ?? other, now ?? other);
  }
}

const keyOf = ({ namespace, name = '' }: RawMeta = {}): string => (namespace ? `${namespace}/${name}` : name);

/** Items of a list need not say what they are. What nobody reads goes before parsing: it is half of many objects. */
function strip(raw: RawObject, { group, kind, versions }: Resource): RawObject {
  const { managedFields: _managedFields, annotations, ...meta } = raw.metadata ?? {};
  const { [LAST_APPLIED]: _lastApplied, ...rest } = annotations ?? {};
  const preferred = group === '' ? `${versions[0]}` : `${group}/${versions[0]}`;
  return {
    ...raw,
    apiVersion: raw.apiVersion ?? preferred,
    kind: raw.kind ?? kind,
    metadata: { ...meta, ...(annotations === undefined ? {} : { annotations: rest }) },
  };
}

/**
 * Custom resources rise in generation with each change of anything but metadata and status (API conventions; of built-in
 * kinds that does not hold: a Service has none). Then only labels and annotations are left to look at, which is far cheaper
 * than to parse an object each time that somebody writes its status.
 */
function isSameSpec(object: AnyObject, { metadata = {} }: RawObject, { group }: Resource): boolean {
  const { uid, generation, labels, annotations } = object.metadata;
  return (
    isCustom(group) &&
    generation > 0 &&
    metadata.generation === generation &&
    metadata.uid === uid &&
    equal(metadata.labels ?? {}, labels) &&
    equal(metadata.annotations ?? {}, annotations)
  );
}
