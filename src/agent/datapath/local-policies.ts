import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
  /** Why those of the process before are not in force, each that is not. */
  #problems: readonly string[] = [];

  constructor(options: LocalPoliciesOptions) {
    this.#options = options;
  }

  /**
   * Those of the process before, into the engine alone: call it before the first `apply`. One that cannot be read keeps none of the
   * others out of force; the file that it is in is kept aside.
   */
  restore(): void {
    const { path, engine } = this.#options;
    let record: ReadRecord;
    try {
      record = readRecord(readFileSync(path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      // Which numbers were given is not known, but that nobody has counted that far.
      record = { next: Date.now(), policies: [], bad: [(error as Error).message] };
    }
    for (const { policy } of record.policies) engine.setPolicy(policy);
    this.#held = record.policies;
    this.#next = record.next;
    const { bad } = record;
    if (bad.length === 0) return;
    const aside = `${path}.unreadable`;
    this.#problems = bad.map((why) => `local policies are not in force: ${aside}: ${why}`);
    try {
      // Those that are good have their place until the next file of them is there.
      if (record.policies.length === 0) renameSync(path, aside);
      else copyFileSync(path, aside);
      // Also an empty one: it has the next number.
      this.#write(this.#held, this.#next);
    } catch (error) {
      this.#problems = [...this.#problems, `${path} is not kept aside: ${(error as Error).message}`];
    }
  }

  /** In the order in which they came. */
  list(): readonly LocalPolicy[] {
    return this.#held.map(({ policy }) => policy);
  }

  problems(): readonly string[] {
    return this.#problems;
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
      const text = `${JSON.stringify({ version, next, policies }, undefined, 1)}\n`;
      // On the disk before it has the name: a machine that stops must not leave an empty file there.
      writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
      renameSync(`${path}.new`, path);
    } catch (error) {
      const hint = 'no local policy changes before it can be written down: is the disk full, or read-only?';
      throw Fault.from(error, 'LOCAL_POLICIES', `write ${path}`, hint);
    }
    this.#held = held;
    this.#next = next;
  }
}

interface ReadRecord {
  readonly next: number;
  readonly policies: readonly Held[];
  /** What could not be read, by name. */
  readonly bad: readonly string[];
}

/** @throws Error where it is none at all */
function readRecord(text: string): ReadRecord {
  const record: unknown = JSON.parse(text);
  if (!isObject(record) || record.version !== version) throw new Error('it is of another version');
  if (!Number.isSafeInteger(record.next)) throw new Error('it has no number for the next one');
  if (!Array.isArray(record.policies)) throw new Error('it has no policies');
  const policies: Held[] = [];
  const bad: string[] = [];
  for (const [index, one] of (record.policies as unknown[]).entries()) {
    if (!isObject(one) || typeof one.name !== 'string') {
      bad.push(`policy ${index + 1} has no name`);
      continue;
    }
    const { rules, diagnostics } = parsePolicyRules([one.rule]);
    const [rule] = rules ?? [];
    if (rule === undefined) bad.push(`${one.name}: ${diagnostics[0]?.message}`);
    else policies.push(heldOf(one.name, { raw: one.rule, rule }));
  }
  return { next: record.next as number, policies, bad };
}

function heldOf(name: string, { raw, rule }: WrittenRule): Held {
  const metadata = { name, labels: {}, annotations: {}, creationTimestamp: 0, generation: 0 };
  return { raw, rule, policy: { apiVersion: 'sluice.dev/v1', kind: 'LocalPolicy', metadata, rules: [rule] } };
}
