/**
 * What a bench is. One file per bench in `cases/`, listed in `benches.ts`; it measures and returns figures, and prints
 * nothing but progress through its context. Recording is `report.ts`.
 */
export interface Bench {
  /** As on the command line: `npm run bench NAME`. */
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  run(context: BenchContext): Promise<Figure[]>;
}

/** One measured number. */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** Such as `< 20 ms`; null for a figure that only explains another. */
  readonly goal: string | null;
  /** null where there is no goal. */
  readonly met: boolean | null;
  /** What others reach, and who says so. */
  readonly peer?: string;
}

export interface BenchContext {
  /** Of this bench alone, with a short path (Unix sockets); gone when the bench is over. */
  readonly dir: string;
  /** Fewer repetitions, for trying a bench out. Figures of a quick run are printed and not recorded. */
  readonly quick: boolean;
  readonly signal: AbortSignal;
  /** A line about what is going on. */
  progress(message: string): void;
  /** Run in reverse order when the bench is over, however it ends. */
  defer(cleanUp: () => void | Promise<void>): void;
}

export interface Goal {
  readonly text: (unit: string) => string;
  readonly holds: (value: number) => boolean;
}

export const below = (limit: number): Goal => ({
  text: (unit) => withUnit(`< ${limit}`, unit),
  holds: (value) => value < limit,
});
export const atLeast = (limit: number): Goal => ({
  text: (unit) => withUnit(`>= ${limit}`, unit),
  holds: (value) => value >= limit,
});
export const atMost = (limit: number): Goal => ({
  text: (unit) => withUnit(`<= ${limit}`, unit),
  holds: (value) => value <= limit,
});
export const exactly = (wanted: number): Goal => ({
  text: (unit) => withUnit(`${wanted}`, unit),
  holds: (value) => value === wanted,
});

/** A figure of `value`, judged before it is rounded to four digits. */
export function figure(
  name: string,
  value: number,
  unit: string,
  { goal, peer }: { readonly goal?: Goal; readonly peer?: string } = {},
): Figure {
  return {
    figure: name,
    value: Math.abs(value) >= 10_000 || Number.isInteger(value) ? Math.round(value) : Number(value.toPrecision(4)),
    unit,
    goal: goal === undefined ? null : goal.text(unit),
    met: goal === undefined ? null : goal.holds(value),
    ...(peer === undefined ? {} : { peer }),
  };
}

function withUnit(text: string, unit: string): string {
  return unit === '' ? text : `${text} ${unit}`;
}

/** Something that a bench needs is not on this machine, or the machine is not fit for it. Told to the user without a stack. */
export class BenchNotPossible extends Error {}
