import type { CachedSelector } from './cached-selector.ts';
import type { LabelIndex, Requirement } from './selector.ts';

/**
 * Selectors by one label each that an identity must have to be selected at all: its anchor. Chosen when the selector comes, by what
 * is rare then; another choice would be as right.
 */
export class LabelAnchors {
  readonly #byLabel = new Map<string, Set<CachedSelector>>();
  readonly #byKey = new Map<string, Set<CachedSelector>>();
  /** Those that only say what must not be. */
  readonly #loose = new Set<CachedSelector>();
  readonly #anchorOf = new Map<CachedSelector, Requirement | undefined>();

  add(cached: CachedSelector, anchor: Requirement | undefined): void {
    this.#anchorOf.set(cached, anchor);
    if (anchor === undefined) this.#loose.add(cached);
    else if (anchor.operator === 'Exists') enter(this.#byKey, anchor.key, cached);
    else for (const value of anchor.values) enter(this.#byLabel, `${anchor.key}=${value}`, cached);
  }

  delete(cached: CachedSelector): void {
    const anchor = this.#anchorOf.get(cached);
    this.#anchorOf.delete(cached);
    if (anchor === undefined) this.#loose.delete(cached);
    else if (anchor.operator === 'Exists') leave(this.#byKey, anchor.key, cached);
    else for (const value of anchor.values) leave(this.#byLabel, `${anchor.key}=${value}`, cached);
  }

  /** Every selector that may select an identity with these labels; some of them twice. */
  *candidates(labels: LabelIndex): Generator<CachedSelector> {
    yield* this.#loose;
    for (const [key, same] of labels) {
      const byKey = this.#byKey.get(key);
      if (byKey !== undefined) yield* byKey;
      for (const { value } of same) {
        const byLabel = this.#byLabel.get(`${key}=${value}`);
        if (byLabel !== undefined) yield* byLabel;
      }
    }
  }
}

function enter(map: Map<string, Set<CachedSelector>>, key: string, cached: CachedSelector): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([cached]));
  else set.add(cached);
}

function leave(map: Map<string, Set<CachedSelector>>, key: string, cached: CachedSelector): void {
  const set = map.get(key);
  set?.delete(cached);
  if (set?.size === 0) map.delete(key);
}
