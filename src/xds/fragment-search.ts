import type { Fragment, Resource } from '../mesh/envoy/resource.ts';
import { compose, fragmentsByKey, isRefused, type RefusedFragment, sameBytes } from './forms.ts';

/**
 * Finds which fragments of a refused resource are guilty, by sending forms of it that differ in few fragments. What is
 * accepted stays in, so the client only ever moves towards the newest form, and no good fragment waits for a bad one longer
 * than the search (about 2 log2(n) answers for one guilty among n). Ask `form()`, send it, tell the `answer()`.
 */
export class FragmentSearch {
  readonly target: Resource;
  /** The guilty so far, with those known from earlier versions. */
  readonly guilty = new Map<string, RefusedFragment>();
  /** Set when even the form without any suspect was refused: the fault is not in the fragments. */
  hopeless: string | undefined;
  readonly #good: Resource | undefined;
  readonly #fallback: ReadonlyMap<string, Fragment>;
  readonly #suspects: ReadonlyMap<string, Fragment>;
  readonly #accepted = new Set<string>();
  #queue: string[][];
  /** How the search goes on once the queue is empty. */
  #stage: 'first' | 'again' | 'fallback' | 'bare' | 'done' = 'first';
  /** Body that the client last accepted during the search. */
  #inForce: Uint8Array | undefined;

  /**
   * `good`: the form accepted last, which guilty fragments fall back to; `inForce`: the client has it now. `known`:
   * fragments refused before, which are left out of what was refused now already. `message`: the client's.
   */
  constructor(
    target: Resource,
    good: Resource | undefined,
    inForce: boolean,
    known: ReadonlyMap<string, RefusedFragment>,
    message: string,
  ) {
    this.target = target;
    this.#good = good;
    this.#fallback = fragmentsByKey(good);
    this.#inForce = inForce ? good?.body : undefined;
    const suspects = new Map<string, Fragment>();
    for (const fragment of target.fragments ?? []) {
      if (isRefused(known, fragment)) this.guilty.set(fragment.key, known.get(fragment.key) as RefusedFragment);
      else if (!this.#isFallback(fragment)) suspects.set(fragment.key, fragment);
    }
    this.#suspects = suspects;
    this.#queue = split([...suspects.keys()], message, 2);
    if (suspects.size === 1) {
      this.#queue = [];
      this.#blame([...suspects.keys()], message);
    }
    if (suspects.size === 0) this.hopeless = message;
    this.#advance();
  }

  get done(): boolean {
    return this.#stage === 'done' || this.hopeless !== undefined;
  }

  /** The form to send next; undefined once the search is over. */
  form(): Resource | undefined {
    if (this.done) return undefined;
    return this.#compose(this.#queue[0] ?? []);
  }

  answer(accepted: boolean, message: string): void {
    if (this.done) return;
    const form = this.form();
    const group = this.#queue.shift();
    if (accepted) {
      this.#inForce = form?.body;
      for (const key of group ?? []) {
        this.#accepted.add(key);
        this.guilty.delete(key);
      }
      if (group === undefined) this.#stage = 'done';
    } else if (group === undefined) {
      const refused = form?.body ?? new Uint8Array();
      const fallback = this.#stage === 'fallback';
      this.#stage = 'bare';
      if (!fallback || sameBytes(this.#compose([]).body, refused)) this.hopeless = message;
    } else if (group.length === 1) this.#blame(group, message);
    else this.#queue.unshift(...split(group, message, 2));
    this.#advance();
  }

  /** Moves past stages that have nothing to ask. */
  #advance(): void {
    if (this.done || this.#queue.length > 0) return;
    if (this.#stage === 'first') {
      this.#stage = 'again';
      // A fragment may have been refused only beside the old form of one that came in later (a domain that moved).
      if (this.#accepted.size > 0) this.#queue = [...this.guilty.keys()].filter(this.#isSuspect).map((key) => [key]);
      if (this.#queue.length > 0) return;
    }
    if (this.#stage === 'again') this.#stage = 'fallback';
    const settled = this.#compose([]).body;
    if (this.#inForce !== undefined && sameBytes(settled, this.#inForce)) this.#stage = 'done';
  }

  #isSuspect = (key: string): boolean => this.#suspects.has(key);

  #isFallback(fragment: Fragment): boolean {
    const before = this.#fallback.get(fragment.key);
    return before !== undefined && sameBytes(before.bytes, fragment.bytes);
  }

  #blame(keys: readonly string[], message: string): void {
    for (const key of keys) this.guilty.set(key, { fragment: this.#suspects.get(key) as Fragment, message });
  }

  #compose(tried: readonly string[]): Resource {
    return compose(this.target, this.#good, (fragment) => {
      const { key } = fragment;
      if (this.#accepted.has(key) || tried.includes(key) || this.#isFallback(fragment)) return fragment;
      return this.#stage === 'bare' ? undefined : this.#fallback.get(key);
    });
  }
}

/**
 * Parts of a refused set that are to be tried apart: whatever the client's message names first and alone (it is free text,
 * so only a hint), the rest in up to `ways` equal parts.
 */
export function split(keys: readonly string[], message: string, ways: number): string[][] {
  const named = message === '' ? [] : keys.filter((key) => key !== '' && message.includes(key)).slice(0, 16);
  // All named is no hint at all.
  const alone = named.length < keys.length ? named : [];
  const rest = alone.length === 0 ? keys : keys.filter((key) => !alone.includes(key));
  const size = alone.length > 0 ? rest.length : Math.ceil(rest.length / ways);
  const parts = alone.map((key) => [key]);
  for (let i = 0; i < rest.length; i += size) parts.push(rest.slice(i, i + size));
  return parts;
}
