import type { ObjectRef } from '../../api/index.ts';
import { refOf } from '../../api/index.ts';
import { equal } from '../../lib/equal.ts';
import type { PolicyObject } from './policy-engine-types.ts';
import { policyRules } from './policy-rules.ts';
import type { Rule } from './rule.ts';
import { RuleNumbers } from './rule-numbers.ts';
import type { RuleRef } from './rule-ref.ts';

interface Held {
  readonly object: PolicyObject;
  readonly rules: readonly Rule[];
  readonly refs: readonly RuleRef[];
}

/** The policies that are in force, as rules with their numbers. */
export class HeldPolicies {
  readonly numbers = new RuleNumbers();
  readonly #held = new Map<string, Held>();
  readonly #cluster: string;
  #released: RuleRef[] = [];
  #revision = 0;

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  /** Rises with each change. */
  get revision(): number {
    return this.#revision;
  }
  *entries(): Generator<readonly [key: string, rules: readonly Rule[]]> {
    for (const [key, { rules }] of this.#held) yield [key, rules];
  }

  /** Undefined removes it. The rules that it has now; undefined where it says what it said before, whatever its metadata. */
  set(key: string, object: PolicyObject | undefined): readonly Rule[] | undefined {
    const old = this.#held.get(key);
    if (old === undefined ? object === undefined : object !== undefined && says(old.object, object)) return undefined;
    this.#revision++;
    // Numbers that the old version has as well are never without a user in between.
    const held = object === undefined ? undefined : this.#hold(object, refOf(object));
    if (held === undefined) this.#held.delete(key);
    else this.#held.set(key, held);
    if (old !== undefined) this.#released.push(...old.refs);
    return held?.rules ?? [];
  }

  /** Numbers of rules that are gone, at the end of the flush: nothing is made of them any more. */
  settle(): void {
    for (const ref of this.#released) this.numbers.release(ref);
    this.#released = [];
  }

  #hold(object: PolicyObject, policy: ObjectRef): Held {
    const refs: RuleRef[] = [];
    const rules = policyRules(object, this.#cluster, (path) => {
      const ref = this.numbers.acquire(policy, path);
      refs.push(ref);
      return ref;
    });
    return { object, rules, refs };
  }
}

function says(a: PolicyObject, b: PolicyObject): boolean {
  return equal('spec' in a ? a.spec : a.rules, 'spec' in b ? b.spec : b.rules);
}
