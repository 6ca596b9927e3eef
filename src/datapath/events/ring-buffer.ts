import { assert, Fault } from '../../lib/fault.ts';
import type { Kernel } from '../sys/kernel-calls.ts';

/** Bits of a record's first word (BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT). */
const busy = 1 << 31;
const discarded = 1 << 30;
/** BPF_RINGBUF_HDR_SZ */
const headerSize = 8;
const pageSize = 4096;

/** One record where it lies; it is the kernel's again when the call returns. */
export type OnRecord = (view: DataView, start: number, length: number) => void;

/**
 * The consumer's side of a BPF ring buffer (kernel/bpf/ringbuf.c; Documentation/bpf/ringbuf.rst of the kernel): a page with
 * the consumer's position, a page with the producers', and the data, mapped twice in a row, so that no record is ever cut.
 * Nothing is copied and no system call is made. Positions are counts of bytes that only grow.
 */
export class RingBuffer {
  readonly #consumer: BigUint64Array;
  readonly #producer: Uint32Array;
  readonly #data: DataView;
  readonly #lengths: Int32Array;
  readonly #mask: number;
  readonly #unmap: () => void;
  /** The consumer's position. */
  #position: bigint;
  #open = true;

  /** @param size `max_entries` of the map: bytes, a power of two. @throws Fault RING_BUFFER */
  constructor(kernel: Kernel, fd: number, size: number) {
    assert((size & (size - 1)) === 0 && size >= pageSize, `ring buffer of ${size} bytes`);
    try {
      const consumer = kernel.map(fd, 0, pageSize, true);
      const rest = kernel.map(fd, pageSize, pageSize + 2 * size, false);
      this.#consumer = new BigUint64Array(consumer.memory, 0, 1);
      // Of the low half of the 64 bits: positions are never further apart than the size, which is below 2^32.
      this.#producer = new Uint32Array(rest.memory, 0, 1);
      this.#data = new DataView(rest.memory, pageSize);
      this.#lengths = new Int32Array(rest.memory, pageSize);
      this.#unmap = () => {
        consumer.unmap();
        rest.unmap();
      };
    } catch (error) {
      throw Fault.from(error, 'RING_BUFFER', 'map the ring buffer of events');
    }
    this.#mask = size - 1;
    this.#position = Atomics.load(this.#consumer, 0);
  }

  /** Bytes that wait to be read. */
  get backlog(): number {
    return (Atomics.load(this.#producer, 0) - Number(BigInt.asUintN(32, this.#position))) >>> 0;
  }

  /**
   * Reads what is there, up to `most` records. Answers how many that were; a record that a program is still writing ends it. The kernel has
   * the room again afterwards, also where `onRecord` throws.
   */
  read(onRecord: OnRecord, most: number): number {
    assert(this.#open, 'ring buffer: read after close');
    const start = Number(BigInt.asUintN(32, this.#position));
    let done = 0;
    let count = 0;
    try {
      while (count < most) {
        // Read again each time: while we work, programs write.
        const available = (Atomics.load(this.#producer, 0) - start - done) >>> 0;
        if (available === 0) break;
        const at = (start + done) & this.#mask;
        const word = Atomics.load(this.#lengths, at >>> 2);
        if ((word & busy) !== 0) break;
        const length = word & ~discarded;
        done += (headerSize + length + 7) & ~7;
        if ((word & discarded) !== 0) continue;
        count++;
        onRecord(this.#data, at + headerSize, length);
      }
    } finally {
      if (done > 0) {
        this.#position += BigInt(done);
        Atomics.store(this.#consumer, 0, this.#position);
      }
    }
    return count;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#unmap();
  }
}
