import type { Bpf } from '../../../datapath/index.ts';

/** The process ended here. */
export class Crash extends Error {}

/** The kernel's maps as they are, with a look at each single write, and an end wherever one is asked for. */
export class WatchedBpf {
  readonly bpf: Bpf;
  /** Keys that were written or deleted one by one or in batches. */
  written = 0;
  /** Batches that were read. */
  read = 0;
  /** Writes that are left until the process ends. */
  left = Number.POSITIVE_INFINITY;
  /** Called after each write. */
  onWrite: () => void = () => {};

  constructor(real: Bpf) {
    const write = <T>(work: () => T, half: () => void = () => {}): T => {
      if (this.left <= 0) throw new Crash();
      if (--this.left === 0) {
        half();
        throw new Crash();
      }
      this.written++;
      const result = work();
      this.onWrite();
      return result;
    };
    this.bpf = {
      ...methodsOf(real),
      update: (...call) => write(() => real.update(...call)),
      delete: (...call) => write(() => real.delete(...call)),
      updateBatch: (fd, keys, values, count) => {
        const half = () => void real.updateBatch(fd, keys, values, Math.floor(count / 2));
        return write(() => {
          this.written += count - 1;
          return real.updateBatch(fd, keys, values, count);
        }, half);
      },
      deleteBatch: (fd, keys, count) => {
        const half = () => void real.deleteBatch(fd, keys, Math.floor(count / 2));
        return write(() => {
          this.written += count - 1;
          return real.deleteBatch(fd, keys, count);
        }, half);
      },
      lookupBatch: (...call) => {
        this.read++;
        return real.lookupBatch(...call);
      },
    };
  }
}

function methodsOf(real: Bpf): Bpf {
  const bound: Record<string, unknown> = {};
  for (let of: object = real; of !== Object.prototype; of = Object.getPrototypeOf(of))
    for (const name of Object.getOwnPropertyNames(of)) {
      const value = (real as unknown as Record<string, unknown>)[name];
      if (typeof value === 'function' && name !== 'constructor') bound[name] ??= value.bind(real);
    }
  return bound as unknown as Bpf;
}
