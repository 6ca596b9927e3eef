import { compareText } from '../../lib/compare.ts';
import { compareRules, type DirectedGrant } from './class-entries.ts';
import { namesPeerPorts } from './peer-classes.ts';
import type { Peers } from './peer-set.ts';
import type { EnforcementMode } from './policy-engine-types.ts';
import type { Direction } from './policy-entry.ts';
import type { Rule } from './rule.ts';
import { builtIn } from './rule-ref.ts';
import { formatSelector, type LabelIndex, type Selector, selects } from './selector.ts';
import type { Enforcement } from './subject-policy.ts';

export const directions = ['ingress', 'egress'] as const satisfies readonly Direction[];

/** Whose policy it is. */
export interface Subject {
  readonly kind: 'endpoint' | 'host';
  readonly index: LabelIndex;
}

export interface SubjectOptions {
  readonly enforcement: EnforcementMode;
  readonly allowLocalhost: boolean;
}

export function selectsSubject({ subject }: Rule, { kind, index }: Subject): boolean {
  return subject.kind === kind && selects(subject.selector, index);
}

/**
 * Whether what no rule allows is dropped, in one direction, for a subject that these rules select: as soon as one has a section that
 * says so. `always` and `never` are for all; endpoints whose labels are not known yet (`init`) are never open.
 */
export function enforcementOf(
  rules: readonly Rule[],
  direction: Direction,
  subject: Subject,
  mode: EnforcementMode,
): Enforcement {
  const sections = rules.map((rule) => rule.sections[direction]).filter((section) => section !== undefined);
  const strict = mode === 'always' || isInit(subject.index);
  return {
    enforced: mode !== 'never' && (strict || sections.length > 0),
    defaultDeny: strict || sections.some((section) => section.defaultDeny),
    selectedBy: sections
      .filter((section) => section.defaultDeny)
      .map((section) => section.ref)
      .sort(compareRules),
  };
}

function isInit(index: LabelIndex): boolean {
  return index.get('init')?.some(({ source }) => source === 'reserved') === true;
}

/** What `requires` of all these rules says about peers of one direction and verdict: each selector once, in one order. */
export function requirementsOf(rules: readonly Rule[], direction: Direction, verdict: 'allow' | 'deny'): Selector[] {
  const all = new Map<string, Selector>();
  for (const rule of rules) {
    for (const one of rule.sections[direction]?.requires ?? []) {
      if (one.verdict === verdict) all.set(formatSelector(one.selector), one.selector);
    }
  }
  return [...all].sort(([a], [b]) => compareText(a, b)).map(([, selector]) => selector);
}

/** What holds for a subject besides the rules that people wrote. */
export function builtInGrants(
  subject: Subject & { readonly enforcement: Readonly<Record<Direction, Enforcement>> },
  { allowLocalhost }: SubjectOptions,
): DirectedGrant[] {
  const grants: DirectedGrant[] = [];
  for (const direction of directions) {
    const { enforced, defaultDeny } = subject.enforcement[direction];
    // Also where entries are not asked: there is no moment, then, in which the others are gone and these not yet what holds.
    const ref = enforced ? builtIn.noDefaultDeny : builtIn.notEnforced;
    if (!enforced || !defaultDeny) grants.push({ direction, verdict: 'allow', peers: 'any', ref });
  }
  if (allowLocalhost && subject.kind === 'endpoint' && subject.enforcement.ingress.enforced)
    grants.push({ direction: 'ingress', verdict: 'allow', peers: [HOST], ref: builtIn.allowLocalhost });
  return grants;
}

const HOST = {
  kind: 'labels',
  selector: [{ source: 'reserved', key: 'host', operator: 'Exists', values: [] }],
} as const;

/** Names of ports mean something else for each receiver: then everybody is all known identities, each with its own entries. */
export function peersOf(grant: DirectedGrant): Peers {
  if (grant.peers !== 'any') return grant.peers;
  return namesPeerPorts(grant) ? 'known' : 'any';
}
