/** Says what is being done. */
export interface Progress {
  /** Says what takes long when it begins, and what it took when it has ended. */
  step<T>(title: string, work: () => Promise<T> | T): Promise<T>;
}

/** A step that is done sooner is not worth a line of its own before it has ended. Milliseconds. */
const longStep = 1000;

/** Lines on `write`, such as `  3.1 s  control plane`. Steps may run side by side. */
export function linesOf(write: (line: string) => void): Progress {
  const started = performance.now();
  const line = (text: string) => write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
  return {
    async step(title, work) {
      const began = performance.now();
      const timer = setTimeout(() => line(`${title} ...`), longStep);
      try {
        const result = await work();
        const took = (performance.now() - began) / 1000;
        // What took next to nothing was already there.
        if (took > 0.1) line(`${title}: ${took.toFixed(1)} s`);
        return result;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

export const silent: Progress = { step: async (_, work) => work() };
