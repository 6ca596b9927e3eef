import type { Labels } from '../identity/index.ts';
import type { Direction, PolicyEntry } from './policy-entry.ts';
import type { RuleRef } from './rule-ref.ts';

/** A port of a pod's containers that policies may name. */
export interface NamedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** Whether a direction's entries need to be looked up at all; where not, everything passes, and there is an entry that says so. */
export interface Enforcement {
  readonly enforced: boolean;
  /** Where it does not hold, and the direction is enforced, an entry of identity 0 allows everything that no rule denies. */
  readonly defaultDeny: boolean;
  /** The rules that put the subject into default deny: why what no entry allows is dropped. Empty with `always`. */
  readonly selectedBy: readonly RuleRef[];
}

/** The policy of all endpoints with the same labels and named ports: they share one map. */
export interface SubjectPolicy {
  /** Unique in the process, never given twice: for the number of its map see whoever makes it. */
  readonly id: number;
  readonly kind: 'endpoint' | 'host';
  readonly labels: Labels;
  readonly namedPorts: readonly NamedPort[];
  readonly enforcement: Readonly<Record<Direction, Enforcement>>;
  /** Rises with each change of what is allowed. Connections that were allowed under a lower one are judged again. */
  readonly generation: number;
  /** Of the last flush. One entry for each key ({@link entryKey}). */
  entries(): Iterable<PolicyEntry>;
  readonly entryCount: number;
  /**
   * Whether a connection that was allowed while the peer was the one identity would be allowed by the same rule while it is the other,
   * as far as is known: an address that goes from one to the other need not have its connections judged again.
   */
  treatsAlike(before: number, after: number): boolean;
}

/**
 * What a flush changed of one subject. An entry whose key stays is in `upserts` alone. Each in the order in which it is to be
 * written, so that no packet passes on the way that neither the old entries let pass nor the new ones: denying ones come first
 * and go last.
 */
export interface SubjectChange {
  readonly subject: SubjectPolicy;
  /** This is its first flush: `upserts` is empty, and all of it is `subject.entries()`. */
  readonly isNew: boolean;
  readonly upserts: readonly PolicyEntry[];
  readonly removals: readonly PolicyEntry[];
  readonly enforcementChanged: boolean;
}
