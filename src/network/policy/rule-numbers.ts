import { type ObjectRef, refKey } from '../../api/index.ts';
import { assert } from '../../lib/fault.ts';
import { fnv1a } from '../../lib/fnv1a.ts';
import { builtIn, type RuleRef } from './rule-ref.ts';

/** How many rules that are gone are still known by their numbers: for events that are under way, and connections that live on. */
const REMEMBERED = 4096;

/**
 * Numbers of rules. A number is made of the text of its rule, so that after a restart the same rule mostly has the same one, as
 * connections and entries that outlived the process have it; where two texts meet, the later one gets the next free number.
 */
export class RuleNumbers {
  readonly #byText = new Map<string, { readonly ref: RuleRef; users: number }>();
  readonly #byNumber = new Map<number, RuleRef>();
  /** Texts without users, the one that was released first at the beginning. */
  readonly #gone = new Set<string>();

  constructor() {
    for (const ref of Object.values(builtIn)) this.#byNumber.set(ref.number, ref);
  }

  get(number: number): RuleRef | undefined {
    return this.#byNumber.get(number);
  }

  /** The one reference to this place of this policy, counted once more. */
  acquire(policy: ObjectRef, path: string): RuleRef {
    const text = textOf(policy, path);
    const known = this.#byText.get(text);
    if (known !== undefined) {
      if (known.users++ === 0) this.#gone.delete(text);
      return known.ref;
    }
    let number = fnv1a(text);
    while (number < 16 || this.#byNumber.has(number)) number = (number + 1) >>> 0;
    const ref: RuleRef = { number, policy, path };
    this.#byText.set(text, { ref, users: 1 });
    this.#byNumber.set(number, ref);
    return ref;
  }

  release(ref: RuleRef): void {
    assert(ref.policy !== undefined, `${ref.path} is counted by nobody`);
    const text = textOf(ref.policy, ref.path);
    const known = this.#byText.get(text);
    assert(known !== undefined && known.users > 0, `rule ${text} released once too often`);
    if (--known.users > 0) return;
    this.#gone.add(text);
    if (this.#gone.size <= REMEMBERED) return;
    const [oldest] = this.#gone;
    this.#gone.delete(oldest!);
    this.#byNumber.delete(this.#byText.get(oldest!)!.ref.number);
    this.#byText.delete(oldest!);
  }
}

function textOf(policy: ObjectRef, path: string): string {
  return `${refKey(policy)} ${path}`;
}
