import type { Fault } from '../../lib/fault.ts';
import type { Refusal } from '../maps/index.ts';

/** How a map stands, for metrics and whoever asks. */
export interface MapState {
  readonly map: { readonly name: string; readonly maxEntries: number };
  readonly size: number;
  /** 1: full. */
  readonly pressure: number;
  /** Entries that are wanted, and not in force. */
  readonly refused: number;
  refusals(): Iterable<Refusal<unknown, unknown>>;
  readonly fault: Fault | undefined;
  /** Writes and removals that the kernel refused, and entries that checks found as they should not be: of all time. */
  readonly errors: number;
  readonly mended: number;
}

/**
 * A part of what the kernel is told, with its place among the others. Make before break: first every stage fills, in their order, so
 * that what an entry points at is there before the entry is; then every stage drains, in the reverse order, so that nothing goes
 * that something still points at.
 */
export interface Stage {
  /** Writes what is new and what changed; the first time, whatever the kernel lacks. */
  fill(): void;
  /** Removes what nothing wants any more; the first time, whatever the kernel has besides. */
  drain(): void;
  /**
   * Reads back what the kernel has and mends it; answers how many entries were not as they should be. It stops after each part of
   * the work, for others to get their turn; before it goes on, all that is wanted must have been filled and drained.
   */
  check(): Generator<void, number>;
  /** The maps that it writes. */
  states(): readonly MapState[];
}

/** Stages one after the other, as one. */
export class Stages implements Stage {
  readonly #stages: readonly Stage[];

  constructor(stages: readonly Stage[]) {
    this.#stages = stages;
  }

  run(): void {
    this.fill();
    this.drain();
  }

  fill(): void {
    for (const stage of this.#stages) stage.fill();
  }
  drain(): void {
    for (const stage of this.#stages.toReversed()) stage.drain();
  }
  *check(): Generator<void, number> {
    let mended = 0;
    for (const stage of this.#stages) mended += yield* stage.check();
    return mended;
  }
  states(): readonly MapState[] {
    return this.#stages.flatMap((stage) => stage.states());
  }
}
