import { countLines, type DocumentText, isMarker, type Part } from './documents.ts';

export interface Unchanged<D> {
  /** Documents at the beginning and at the end, in their new places. */
  readonly head: readonly D[];
  readonly tail: readonly D[];
  /** What lies between them in the new text: all that has to be read. */
  readonly part: Part;
}

/**
 * What an edit left as it was, by the longest common beginning and end of both texts: one more document in a file of
 * 10,000 costs a comparison of the text instead of cutting it up again.
 */
export function unchanged<D extends DocumentText>(
  previous: { readonly text: string; readonly documents: readonly D[] },
  text: string,
): Unchanged<D> {
  const { text: old, documents } = previous;
  const prefix = commonPrefix(old, text);
  const suffix = commonSuffix(old, text, Math.min(old.length, text.length) - prefix);
  let headCount = 0;
  // A document of the head ends at a marker, and that marker is unchanged too.
  for (let i = 1; i < documents.length; i++) {
    const { offset } = documents[i] as D;
    if (offset + MARKER > prefix) break;
    if (isMarker(old, offset, DASH)) headCount = i;
  }
  let tailStart = documents.length;
  for (let i = documents.length - 1; i >= headCount; i--) {
    const { offset } = documents[i] as D;
    // The line end before the marker belongs to what must be unchanged.
    if (offset <= old.length - suffix) break;
    if (isMarker(old, offset, DASH)) tailStart = i;
  }
  const head = documents.slice(0, headCount);
  const last = head.at(-1);
  const start = last === undefined ? 0 : last.offset + last.text.length;
  const line = last === undefined ? 1 : last.line + countLines(last.text);
  const first = documents[tailStart];
  const moved = text.length - old.length;
  const end = first === undefined ? text.length : first.offset + moved;
  const lines = first === undefined ? 0 : line + countLines(text.slice(start, end)) - first.line;
  const tail = documents.slice(tailStart);
  return {
    head,
    tail:
      moved === 0 && lines === 0
        ? tail
        : tail.map((each) => ({ ...each, offset: each.offset + moved, line: each.line + lines })),
    part: { start, end, line },
  };
}

const DASH = 0x2d;
/** `---` and the character behind it. */
const MARKER = 4;
/** Comparing blocks for equality is some 40 times faster than comparing characters, and than `startsWith`. */
const BLOCK = 4096;

function commonPrefix(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let at = 0;
  while (at + BLOCK <= most && a.slice(at, at + BLOCK) === b.slice(at, at + BLOCK)) at += BLOCK;
  while (at < most && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}

/** At most `most` characters long, so as not to overlap with the beginning. */
function commonSuffix(a: string, b: string, most: number): number {
  let length = 0;
  while (length + BLOCK <= most) {
    const block = a.slice(a.length - length - BLOCK, a.length - length);
    if (block !== b.slice(b.length - length - BLOCK, b.length - length)) break;
    length += BLOCK;
  }
  while (length < most && a.charCodeAt(a.length - 1 - length) === b.charCodeAt(b.length - 1 - length)) length++;
  return length;
}
