import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, type ScalarEvent } from 'js-yaml';
import { parsePath } from '../api/index.ts';
import type { DocumentText } from './documents.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

interface Node {
  /** Of the value itself; of a block collection, of its first entry. */
  readonly start: number;
  /** Of the key that leads to it. */
  readonly key: number;
  /** Entries of a mapping by key, of a sequence by index; none for scalars and aliases. */
  readonly entries?: ReadonlyMap<string | number, Node>;
}

/**
 * Finds places in one document. Made only where a diagnostic needs it: it parses the text once more, which costs about as
 * much as the first time, and then answers any number of questions about it.
 */
export class Positions {
  readonly #document: DocumentText;
  readonly #lineStarts: number[] = [0];
  #root: Node | undefined;
  #parsed = false;

  constructor(document: DocumentText) {
    this.#document = document;
    const { text } = document;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1);
  }

  /** Place in the file of an offset in the document. */
  at(offset: number): Position {
    const starts = this.#lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    const column = offset - (starts[low] as number) + (low === 0 ? this.#document.column : 1);
    return { line: this.#document.line + low, column };
  }

  /**
   * Place of a field, `spec.rules[0].name`, or of the closest thing around it that is there: a missing field is reported
   * where it should be. `of` says which end of an entry is meant; collections are always shown by their key.
   */
  of(field: string, of: 'key' | 'value' = 'value'): Position {
    const root = this.#tree();
    if (root === undefined) return this.at(firstContent(this.#document.text));
    let node = root;
    let found = true;
    for (const segment of parsePath(field)) {
      const next = node.entries?.get(segment) ?? merged(node, segment);
      if (next === undefined) {
        found = false;
        break;
      }
      node = next;
    }
    return this.at(found && of === 'value' && node.entries === undefined ? node.start : node.key);
  }

  #tree(): Node | undefined {
    if (!this.#parsed) {
      this.#parsed = true;
      try {
        this.#root = new TreeBuilder(this.#document.text).build();
      } catch {
        // Text that is no YAML has no fields; its own error has a place already.
      }
    }
    return this.#root;
  }
}

/** Where a document's content begins, without parsing it: behind the marker, comments and blank lines. */
export function contentStart(document: DocumentText): Position {
  return new Positions(document).at(firstContent(document.text));
}

function firstContent(text: string): number {
  for (let at = 0; at >= 0 && at < text.length; ) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? text.length : end);
    const match = /^(?:---\s)?\s*(?=[^\s#])/.exec(line);
    if (match !== null && line.trim() !== '---') return at + match[0].length;
    at = end < 0 ? -1 : end + 1;
  }
  return 0;
}

/** What a merge key brings in: its own place where it is written there, the merge key where it comes from elsewhere. */
function merged(node: Node, segment: string | number): Node | undefined {
  const source = node.entries?.get('<<');
  return source?.entries === undefined ? source : source.entries.get(segment);
}

/** The events give the place behind the opening quote, and none for an empty value. */
function startOf({ style, valueStart }: ScalarEvent): number | undefined {
  if (valueStart < 0) return undefined;
  return style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED ? valueStart - 1 : valueStart;
}

class TreeBuilder {
  readonly #text: string;
  readonly #events: readonly Event[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#events = parseEvents(text, { maxDepth: 100 });
  }

  build(): Node | undefined {
    if (this.#events[this.#next++]?.type !== EVENT_ID.DOCUMENT) return undefined;
    return this.#events[this.#next]?.type === EVENT_ID.POP ? undefined : this.#node(undefined);
  }

  #node(key: number | undefined): Node {
    const event = this.#events[this.#next++];
    if (event === undefined || event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT)
      throw new Error('events end in the middle of a node');
    if (event.type === EVENT_ID.SCALAR) {
      const start = startOf(event) ?? key ?? 0;
      return { start, key: key ?? start };
    }
    if (event.type === EVENT_ID.ALIAS) return { start: event.anchorStart - 1, key: key ?? event.anchorStart - 1 };
    const entries = new Map<string | number, Node>();
    const isMapping = event.type === EVENT_ID.MAPPING;
    for (let i = 0; this.#events[this.#next]?.type !== EVENT_ID.POP; i++) {
      if (!isMapping) {
        entries.set(i, this.#node(undefined));
        continue;
      }
      const keyEvent = this.#events[this.#next] as Event;
      const { start } = this.#node(undefined);
      const name = keyEvent.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, keyEvent) : '';
      // A duplicate is an error elsewhere; the first one is the place to show.
      const value = this.#node(start);
      if (!entries.has(name)) entries.set(name, value);
    }
    this.#next++;
    return { start: event.start, key: key ?? event.start, entries };
  }
}
