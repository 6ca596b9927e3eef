import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type LocalPolicy, type PolicyRule, parsePolicyRules, refOf } from '../../api/index.ts';
import { equal } from '../../lib/equal.ts';
import { Fault } from '../../lib/fault.ts';
import { isObject } from '../../lib/is-object.ts';
import type { PolicyEngine } from '../../network/policy/index.ts';

/** A rule as its author wrote it, and what was read of that. */
export interface WrittenRule {
  readonly raw: unknown;
  readonly rule: PolicyRule;
}

export interface LocalPoliciesOptions {
  /** Their file, in the agent's state directory. */
  readonly path: string;
  readonly engine: Pick<PolicyEngine, 'setPolicy' | 'deletePolicy'>;
  /** Brings what the engine was told into force. */
  readonly apply: () => void;
}

/** Of what is written; rules are kept as their authors wrote them, so that a later version reads them by its own rules. */
const version = 1;

interface Held extends WrittenRule {
  readonly policy: LocalPolicy;
}

/**
 * Policies of this agent alone, which came through its API and are in no object. Unlike Cilium's they outlive the process: what a rule
 * denies must not be allowed because an agent was started anew. On disk first, then in force.
 */
export class LocalPolicies {
  readonly #options: LocalPoliciesOptions;
  #held: readonly Held[] = [];
  /** Of the next name: none comes twice, as events may still name the one that is gone. */
  #next = 1;
  /** Why those of the process before are not in force, if they are not. */
  #problem: string | undefined;

  constructor(options: LocalPoliciesOptions) {
    this.#options = options;
  }

  /** Those of the process before, into the engine alone: call it before the first `apply`. */
  restore(): void {
    const { path } = this.#options;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#problem = `local policies are not in force: ${(error as Error).message}`;
      return;
    }
    try {
      const { next, policies } = readRecord(text);
      this.#next = next;
      this.#held = policies;
    } catch (error) {
      // The next change would write over it.
      renameSync(path, `${path}.unreadable`);
      this.#problem = `local policies are not in force: ${path}.unreadable: ${(error as Error).message}`;
    }
    for (const { policy } of this.#held) this.#options.engine.setPolicy(policy);
  }

  /** In the order in which they came. */
  list(): readonly LocalPolicy[] {
    return this.#held.map(({ policy }) => policy);
  }

  problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /**
   * In force when it returns. A rule that is there already, with the same labels, is not added again.
   * @throws Fault LOCAL_POLICIES: then nothing is added
   */
  add(rules: readonly WrittenRule[]): void {
    const added: Held[] = [];
    for (const { raw, rule } of rules) {
      if ([...this.#held, ...added].some((held) => equal(held.rule, rule))) continue;
      added.push(heldOf(`local-${this.#next + added.length}`, { raw, rule }));
    }
    if (added.length === 0) return;
    this.#write([...this.#held, ...added], this.#next + added.length);
    for (const { policy } of added) this.#options.engine.setPolicy(policy);
    this.#options.apply();
  }

  /** By name. @throws Fault LOCAL_POLICIES: then all are there */
  remove(names: ReadonlySet<string>): void {
    const gone = this.#held.filter(({ policy }) => names.has(policy.metadata.name));
    if (gone.length === 0) return;
    this.#write(
      this.#held.filter((held) => !gone.includes(held)),
      this.#next,
    );
    for (const { policy } of gone) this.#options.engine.deletePolicy(refOf(policy));
    this.#options.apply();
  }

  #write(held: readonly Held[], next: number): void {
    const { path } = this.#options;
    const policies = held.map(({ policy, raw }) => ({ name: policy.metadata.name, rule: raw }));
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, `${JSON.stringify({ version, next, policies }, undefined, 1)}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      const hint = 'no local policy changes before it can be written down: is the disk full, or read-only?';
      throw Fault.from(error, 'LOCAL_POLICIES', `write ${path}`, hint);
    }
    this.#held = held;
    this.#next = next;
  }
}

function readRecord(text: string): { next: number; policies: Held[] } {
  const record: unknown = JSON.parse(text);
  if (!isObject(record) || record.version !== version || !Number.isSafeInteger(record.next))
    throw new Error('it is of another version');
  if (!Array.isArray(record.policies)) throw new Error('it has no policies');
  const policies = record.policies.map((one: unknown): Held => {
    if (!isObject(one) || typeof one.name !== 'string') throw new Error('a policy has no name');
    const { rules, diagnostics } = parsePolicyRules([one.rule]);
    const [rule] = rules ?? [];
    if (rule === undefined) throw new Error(`${one.name}: ${diagnostics[0]?.message}`);
    return heldOf(one.name, { raw: one.rule, rule });
  });
  return { next: record.next as number, policies };
}

function heldOf(name: string, { raw, rule }: WrittenRule): Held {
  const metadata = { name, labels: {}, annotations: {}, creationTimestamp: 0, generation: 0 };
  return { raw, rule, policy: { apiVersion: 'sluice.dev/v1', kind: 'LocalPolicy', metadata, rules: [rule] } };
}
