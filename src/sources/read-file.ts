import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import type { Diagnostic } from '../api/index.ts';

/** Larger files are refused: reading them would hold up everything else for seconds. Bytes. */
export const MAX_FILE_BYTES = 32 << 20;

/** `stamp` is that of `stampOf` at the time of reading. */
export type ReadResult =
  | { readonly text: string; readonly stamp: string }
  /** It is there, and cannot be used. `gone`: what it held is not there any more, which is no slip of a writer. */
  | { readonly problem: Diagnostic; readonly stamp: string; readonly gone?: true }
  /** There is nothing to read, and nothing wrong with that. */
  | { readonly absent: 'missing' | 'folder' };

/**
 * The text of a file, read at once: a small file takes some 30 us this way, a tenth of what an asynchronous read costs.
 * Never throws and never blocks on what is no plain file.
 */
export function readFile(path: string): ReadResult {
  let descriptor: number;
  try {
    // Without O_NONBLOCK opening a named pipe would wait for somebody to write into it.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return failed(path, error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) return { absent: 'folder' };
    if (!stat.isFile()) return notAFile(path);
    if (stat.size > MAX_FILE_BYTES) return tooLarge(path, stat.size, stampOf(stat));
    return decode(path, readAll(descriptor, stat.size), stampOf(stat));
  } catch (error) {
    return failed(path, error);
  } finally {
    closeSync(descriptor);
  }
}

/** Differs where the file may: for comparing without reading. */
export function stampOf({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${ino}/${size}/${mtimeMs}/${ctimeMs}`;
}

/** All bytes: a file may have grown since its size was taken, or have none to tell (as in /proc). */
function readAll(descriptor: number, size: number): Buffer {
  let buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (;;) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, length);
    length += count;
    // Less than was asked for is the end of a plain file.
    if (length < buffer.length || count === 0 || length > MAX_FILE_BYTES) return buffer.subarray(0, length);
    buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(path: string, bytes: Buffer, stamp: string): ReadResult {
  if (bytes.length > MAX_FILE_BYTES) return tooLarge(path, bytes.length, stamp);
  const text = decodeText(bytes);
  if (text !== undefined && !text.includes('\0')) return { text, stamp };
  return problem(path, stamp, 'NotText', 'is not text', 'save it as UTF-8, or move it out of the folder');
}

/** UTF-8 as a rule; UTF-16 where a byte order mark says so (YAML 1.2, section 5.2). */
function decodeText(bytes: Buffer): string | undefined {
  try {
    if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le', { fatal: true }).decode(bytes);
    if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be', { fatal: true }).decode(bytes);
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function tooLarge(path: string, size: number, stamp: string): ReadResult {
  const limit = MAX_FILE_BYTES >> 20;
  const text = `has ${Math.ceil(size / (1 << 20))} MiB, more than ${limit}`;
  return problem(path, stamp, 'TooLarge', text, 'split it into several files');
}

function failed(path: string, error: unknown): ReadResult {
  const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const target = targetOf(path);
    if (target === undefined) return { absent: 'missing' };
    const text = `is a link to ${target}, which does not exist`;
    return { ...problem(path, '', 'DanglingLink', text, 'make that, or remove the link'), gone: true };
  }
  // Sockets, and devices without a driver.
  if (code === 'ENXIO' || code === 'ENODEV') return notAFile(path);
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? 'let this process read it'
      : code === 'ELOOP'
        ? 'the symbolic link leads back to itself'
        : `the system says: ${message}`;
  return problem(path, '', 'Unreadable', `cannot be read (${code})`, hint);
}

function notAFile(path: string): ReadResult {
  const text = 'is a pipe, a socket or a device';
  return problem(path, '', 'NotAFile', text, 'put a file there, or move it out of the folder');
}

/** Where a symbolic link leads; undefined for everything else. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function problem(path: string, stamp: string, reason: string, text: string, hint: string) {
  const location = { file: path, line: 1, column: 1 };
  const severity: Diagnostic['severity'] = 'error';
  return { problem: { severity, reason, message: `${path} ${text}`, hint, location }, stamp };
}
