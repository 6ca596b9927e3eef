/**
 * Who may talk to whom: policies to the entries of policy maps, incrementally. The agent feeds the engine with objects and writes
 * what comes out into the kernel; the API asks it why. No I/O, no clock, no Kubernetes client.
 */

export { type Answer, evaluate, type Party, type Question, type World } from './evaluate.ts';
export { PolicyEngine } from './policy-engine.ts';
export type {
  ChangeStep,
  EnforcementMode,
  EngineChanges,
  EngineOptions,
  PolicyObject,
  SelectorInfo,
} from './policy-engine-types.ts';
export { type Direction, entryKey, type L7, type PolicyEntry, type Verdict } from './policy-entry.ts';
export { policyRules } from './policy-rules.ts';
export {
  cidrGroupSet,
  fqdnSet,
  type Grant,
  KUBE_APISERVER_SET,
  type Peer,
  type PortMatch,
  type Rule,
  type Section,
} from './rule.ts';
export { builtIn, formatRuleRef, type RuleRef } from './rule-ref.ts';
export { formatSelector, indexLabels, type LabelIndex, type Requirement, type Selector, selects } from './selector.ts';
export type { PolicyService } from './services.ts';
export type { Enforcement, NamedPort, SubjectChange, SubjectPolicy } from './subject-policy.ts';
export { type TracePort, type TraceQuery, type TraceStep, tracePolicy } from './trace.ts';
