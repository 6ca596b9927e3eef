import type { PolicyRule } from '../../../api/index.ts';

/** One entry of an endpoint's policy map. */
export interface PolicyEntryView {
  readonly direction: 'ingress' | 'egress';
  /** 0: any. */
  readonly identity: number;
  /** IP protocol number; 0: any. */
  readonly protocol: number;
  /** First port of the block; for ICMP the type. */
  readonly port: number;
  /** Leading bits of the port that count: 16 one port, 0 any. */
  readonly portBits: number;
  readonly verdict: 'allow' | 'deny' | 'redirect';
  /** `default/web ingress[0].toPorts[1]`. */
  readonly rule: string;
}

/** With what the programs have counted for it. */
export interface CountedEntryView extends PolicyEntryView {
  readonly packets: number;
  readonly bytes: number;
  /** Of `redirect`; 0 while no proxy is configured. */
  readonly proxyPort?: number;
}

/** All rules that this node holds. */
export interface PolicyRulesView {
  /** Goes up with each change. */
  readonly revision: number;
  readonly rules: readonly PolicyRuleView[];
}

export interface PolicyRuleView {
  /** `LocalPolicy`: of this agent alone, by its API. */
  readonly kind: 'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy' | 'NetworkPolicy' | 'LocalPolicy';
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  /** The rule as the object has it, ready for JSON. */
  readonly rule: Readonly<Record<string, unknown>>;
}

/** Changes of the policies that are this agent's alone. What returns is in force, and what throws a Fault has changed nothing. */
export interface LocalPolicyView {
  /** `raw`: what `rule` was read from. */
  add(rules: readonly { readonly raw: unknown; readonly rule: PolicyRule }[]): void;
  /** By name. */
  remove(names: ReadonlySet<string>): void;
}

export interface SelectorView {
  readonly selector: string;
  /** Identities that it selects now, ascending. */
  readonly identities: readonly number[];
  /** How many rules use it. */
  readonly users: number;
}

export interface TraceQuery {
  /** `source:key=value` each. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** None: any port, that is, only what holds for all ports. */
  readonly ports: readonly TracePort[];
}

export interface TracePort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'ICMPV6' | 'ANY';
  /** A number, for ICMP the type; or a name, which the destination's pods resolve. */
  readonly port: number | string;
}

/** What one side decides about one port: the sender's egress, the receiver's ingress. */
export interface TraceStep {
  readonly direction: 'ingress' | 'egress';
  readonly port?: TracePort;
  readonly verdict: 'allow' | 'deny' | 'redirect';
  /** The rule that decides; none where nothing matches, or nothing is enforced. */
  readonly rule?: string;
  /** A sentence: why. */
  readonly reason: string;
  /** Every rule that selects this side, and what it said; for people who ask for more. */
  readonly considered?: readonly string[];
}
