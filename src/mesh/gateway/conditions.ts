import type { Diagnostic, ObjectRef } from '../../api/index.ts';
import type { Condition } from '../model/index.ts';

/** Why a condition is False (or, for Conflicted, True), for a status and for people. */
export interface Problem {
  /** The condition's reason. */
  readonly reason: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** Path in the object that the problem is about. */
  readonly field?: string;
}

/** True with `reason` if there is no problem. */
export function holds(type: string, problem: Problem | undefined, generation: number, reason: string): Condition {
  return problem === undefined
    ? { type, status: 'True', reason, message: '', observedGeneration: generation }
    : { type, status: 'False', reason: problem.reason, message: problem.message, observedGeneration: generation };
}

export function condition(
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
  observedGeneration: number,
): Condition {
  return { type, status, reason, message, observedGeneration };
}

export function diagnosticOf(
  object: ObjectRef,
  problem: Problem,
  severity: Diagnostic['severity'] = 'error',
): Diagnostic {
  const { field, ...rest } = problem;
  return { severity, ...rest, object, ...(field === undefined ? {} : { field }) };
}

/** Several problems of one condition: the first one's reason, everybody's message. */
export function joined(problems: readonly Problem[]): Problem | undefined {
  const first = problems[0];
  if (first === undefined || problems.length === 1) return first;
  return { ...first, message: problems.map((problem) => problem.message).join('; ') };
}
