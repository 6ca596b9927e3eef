import { readFileSync } from 'node:fs';

/** One entry of a layer. Paths are absolute, without a slash at the end. Everything belongs to root and is as old as the epoch. */
export type Entry =
  | { readonly path: string; readonly type: 'directory'; readonly mode?: number }
  | { readonly path: string; readonly type: 'link'; readonly target: string }
  | {
      readonly path: string;
      readonly type: 'file';
      readonly mode?: number;
      /** The bytes, or the file on this machine that has them: read only when its turn comes. */
      readonly content: Uint8Array | string | { readonly from: string };
    };

const BLOCK = 512;
const TYPES = { file: '0', link: '2', directory: '5' } as const;

/**
 * The entries as a POSIX tar (ustar, with pax records for long names), block by block. Sorted, with the directories above
 * them, so the bytes depend on the entries alone. A path may occur once.
 */
export function* tar(entries: Iterable<Entry>): Generator<Uint8Array> {
  for (const entry of withDirectories(entries)) {
    const content = entry.type === 'file' ? bytesOf(entry.content) : new Uint8Array();
    const name = `${entry.path.slice(1)}${entry.type === 'directory' ? '/' : ''}`;
    const target = entry.type === 'link' ? entry.target : '';
    const short = splitName(name);
    if (short === undefined || Buffer.byteLength(target) > 100) {
      const records = Buffer.from(`${record('path', name)}${target === '' ? '' : record('linkpath', target)}`);
      yield header({ name: 'pax', prefix: '' }, 0o644, records.length, 'x', '');
      yield* padded(records);
    }
    const mode = entry.type === 'link' ? 0o777 : (entry.mode ?? (entry.type === 'directory' ? 0o755 : 0o644));
    const shown = short ?? { name: Buffer.from(name).subarray(0, 100).toString('latin1'), prefix: '' };
    yield header(shown, mode, content.length, TYPES[entry.type], target.slice(0, 100));
    yield* padded(content);
  }
  yield new Uint8Array(2 * BLOCK);
}

function bytesOf(content: Uint8Array | string | { readonly from: string }): Uint8Array {
  if (typeof content === 'string') return Buffer.from(content);
  return content instanceof Uint8Array ? content : readFileSync(content.from);
}

function withDirectories(entries: Iterable<Entry>): Entry[] {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    if (!/^(?:\/[^/]+)+$/.test(entry.path)) throw new Error(`tar: ${entry.path} is no absolute path`);
    if (all.has(entry.path)) throw new Error(`tar: ${entry.path} is there twice`);
    all.set(entry.path, entry);
  }
  for (const path of [...all.keys()]) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const above = path.slice(0, at);
      const known = all.get(above);
      if (known === undefined) all.set(above, { path: above, type: 'directory' });
      else if (known.type !== 'directory') throw new Error(`tar: ${path} is below ${above}, which is a ${known.type}`);
    }
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** ustar has 100 bytes for the name and 155 for the directories before it, cut at a slash. */
function splitName(name: string): { name: string; prefix: string } | undefined {
  if (Buffer.byteLength(name) <= 100) return { name, prefix: '' };
  for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (rest !== '' && Buffer.byteLength(rest) <= 100 && Buffer.byteLength(prefix) <= 155)
      return { name: rest, prefix };
  }
  return undefined;
}

/** A pax record says its own length, digits included. */
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function header(
  { name, prefix }: { name: string; prefix: string },
  mode: number,
  size: number,
  type: string,
  target: string,
): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  block.write(name, 0, 100, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write(target, 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  block.write('root', 265, 'latin1');
  block.write('root', 297, 'latin1');
  block.write(prefix, 345, 155, 'utf8');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function* padded(content: Uint8Array): Generator<Uint8Array> {
  if (content.length === 0) return;
  yield content;
  const over = content.length % BLOCK;
  if (over !== 0) yield new Uint8Array(BLOCK - over);
}
