import { StringDecoder } from 'node:string_decoder';
import { KubeFault } from './kube-fault.ts';

/** An object as JSON: nothing is known of it but that it is one. */
export interface RawObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: RawMeta;
  readonly [field: string]: unknown;
}

export interface RawMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly continue?: string;
  readonly [field: string]: unknown;
}

export interface WatchEvent {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`; others may come in future versions. */
  readonly type: string;
  readonly object: RawObject;
}

/** UTF-16 units of one event. etcd takes 1.5 MiB per object by default; whatever is as long as this is no event. */
const MAX_EVENT = 64 << 20;

/**
 * Chunks of a watch's body into events: one JSON object a line, chunks cut anywhere, also inside a character.
 * @throws KubeFault KUBE_BAD_ANSWER for what is no event; the stream is of no use after that.
 */
export class EventStreamParser {
  readonly #decoder = new StringDecoder('utf8');
  readonly #operation: string;
  /** The beginning of a line, in pieces: joined once, since an event may come in a thousand chunks. */
  #pieces: string[] = [];
  #length = 0;

  constructor(operation: string) {
    this.#operation = operation;
  }

  /** The events that are complete with this chunk. */
  push(chunk: Uint8Array): WatchEvent[] {
    const text = this.#decoder.write(chunk);
    const events: WatchEvent[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#pieces.push(text.slice(from, end));
      from = end + 1;
      this.#take(events);
    }
    if (from < text.length) {
      this.#pieces.push(text.slice(from));
      this.#length += text.length - from;
      if (this.#length > MAX_EVENT) throw this.#bad('an event without an end');
    }
    return events;
  }

  /** The body has ended. A last line without its end counts, if it is whole. */
  end(): WatchEvent[] {
    const events: WatchEvent[] = [];
    this.#pieces.push(this.#decoder.end());
    this.#take(events);
    return events;
  }

  #take(events: WatchEvent[]): void {
    const line = this.#pieces.length === 1 ? (this.#pieces[0] as string) : this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    if (line.trim() === '') return;
    let event: unknown;
    try {
      event = JSON.parse(line);
    } catch (cause) {
      throw this.#bad('an event that is no JSON', cause);
    }
    if (!isEvent(event)) throw this.#bad('an event without type and object');
    events.push(event);
  }

  #bad(what: string, cause?: unknown): KubeFault {
    return new KubeFault('KUBE_BAD_ANSWER', `${this.#operation}: the server sent ${what}`, { cause });
  }
}

function isEvent(value: unknown): value is WatchEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { type, object } = value as { type?: unknown; object?: unknown };
  return typeof type === 'string' && typeof object === 'object' && object !== null && !Array.isArray(object);
}
