import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../../lib/fault.ts';
import { parseEntry, type RecordEntry } from '../../network/ipam/index.ts';

export interface AddressRecordOptions {
  readonly path: string;
  /** `/proc/sys/kernel/random/boot_id`: no Pod has outlived the machine, so addresses of another boot are free. */
  readonly bootId: string;
}

export interface OpenedRecord {
  readonly record: AddressRecord;
  readonly entries: readonly RecordEntry[];
  /** Lines that could not be read, somewhere in the middle: somebody else has written to the file. */
  readonly unreadable: number;
}

/**
 * What happened to this node's addresses, one JSON document a line, each written before anybody hears of it: what this process
 * has answered survives it, however it dies. One write (20 us), and the kernel has it; what the disk
 * alone must have (a CIDR that was given back, which the operator gives to another node) is synced.
 */
export class AddressRecord {
  readonly #path: string;
  readonly #header: string;
  #fd: number;
  #size = 0;
  #lines = 0;
  /** The last write may have left a part of itself behind. */
  #isTorn = false;

  private constructor({ path, bootId }: AddressRecordOptions) {
    this.#path = path;
    this.#header = `${JSON.stringify({ version: 1, boot: bootId })}\n`;
    this.#fd = -1;
  }

  /** @throws Fault IPAM_RECORD */
  static open(options: AddressRecordOptions): OpenedRecord {
    const record = new AddressRecord(options);
    return record.#guard('open', () => {
      mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
      return { record, ...record.#read(options.bootId) };
    });
  }

  /** Lines since the last {@link rewrite}. */
  get lines(): number {
    return this.#lines;
  }

  /**
   * All of them, or none.
   * @throws Fault IPAM_RECORD
   */
  append(entries: readonly RecordEntry[]): void {
    if (entries.length === 0) return;
    this.#guard('append', () => {
      if (this.#fd < 0) throw new Error('it is closed');
      if (this.#isTorn) ftruncateSync(this.#fd, this.#size);
      this.#isTorn = true;
      const bytes = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      writeAll(this.#fd, bytes);
      if (entries.some(({ op }) => op === 'release')) fsyncSync(this.#fd);
      this.#isTorn = false;
      this.#size += bytes.length;
      this.#lines += entries.length;
    });
  }

  /**
   * With these entries instead of all that is there. The old file is the record until the new one is whole.
   * @throws Fault IPAM_RECORD
   */
  rewrite(entries: readonly RecordEntry[]): void {
    this.#guard('rewrite', () => {
      const bytes = Buffer.from(this.#header + entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      const next = `${this.#path}.new`;
      const fd = openSync(next, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND, 0o600);
      try {
        writeAll(fd, bytes);
        fsyncSync(fd);
        renameSync(next, this.#path);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      this.close();
      this.#fd = fd;
      this.#isTorn = false;
      this.#size = bytes.length;
      this.#lines = entries.length;
    });
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #read(bootId: string): { entries: RecordEntry[]; unreadable: number } {
    const text = readText(this.#path);
    // What follows the last end of line was never acknowledged.
    const [header, ...lines] = text.split('\n').slice(0, -1);
    const entries: RecordEntry[] = [];
    let unreadable = 0;
    for (const line of lines) {
      const entry = parseEntry(parseJson(line));
      if (entry === undefined) unreadable++;
      else entries.push(entry);
    }
    const isOfThisBoot = header === undefined || isHeaderOf(parseJson(header), bootId);
    // A CIDR that was given back is not ours again because the machine has been started anew.
    const kept = isOfThisBoot ? entries : entries.filter(({ op }) => op === 'release' || op === 'forget');
    return { entries: kept, unreadable };
  }

  #guard<T>(operation: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw Fault.from(
        error,
        'IPAM_RECORD',
        `record of addresses ${this.#path}: ${operation}`,
        'no address is given out until it can be written down: is the disk full, or read-only?',
      );
    }
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A header that can't be read is taken for one of this boot: addresses that nobody has are found out, twice given ones are not. */
function isHeaderOf(value: unknown, bootId: string): boolean {
  const boot = typeof value === 'object' && value !== null && 'boot' in value ? value.boot : undefined;
  return typeof boot !== 'string' || boot === bootId;
}
