import type { Stage } from '../../datapath/index.ts';
import type { ChangeStep, SubjectChange, SubjectPolicy } from '../../network/policy/index.ts';
import type { PolicyMapsWriter } from './policy-maps-writer.ts';

/**
 * Entries of the policies that endpoints have, one step of the engine at a time. Maps come and go with the endpoints that point at
 * them: what a map is made of when it is made, and its end, are the writer's.
 */
export class PolicyStage implements Stage {
  readonly #writer: PolicyMapsWriter;
  readonly #isCurrent: (subject: SubjectPolicy) => boolean;
  #step: readonly SubjectChange[] = [];

  /** @param isCurrent whether the engine still keeps a subject up to date */
  constructor(writer: PolicyMapsWriter, isCurrent: (subject: SubjectPolicy) => boolean) {
    this.#writer = writer;
    this.#isCurrent = isCurrent;
  }

  next({ subjects }: ChangeStep): void {
    this.#step = subjects;
  }

  fill(): void {
    for (const { subject, upserts } of this.#step) this.#writer.upsert(subject, upserts);
  }
  drain(): void {
    for (const { subject, removals } of this.#step) this.#writer.remove(subject, removals);
    this.#step = [];
    this.#writer.drain();
  }
  check(): Generator<void, number> {
    return this.#writer.check(this.#isCurrent);
  }
  states() {
    return this.#writer.reconcilers();
  }
}
