import type { RuleRef } from './rule-ref.ts';

export type Direction = 'ingress' | 'egress';
export type Verdict = 'allow' | 'deny' | 'redirect';

/**
 * One entry of a policy map. Of the entries of one identity the one with the longest prefix (protocol, then port) decides, and so
 * of those of identity 0, which is everybody. Of these two, the stronger verdict holds: deny, then redirect, then allow.
 */
export interface PolicyEntry {
  readonly direction: Direction;
  /** Of the other side; 0: any. */
  readonly identity: number;
  /** IANA number; 0: any, then `portBits` is 0 too. */
  readonly protocol: number;
  /** Destination port; of ICMP and ICMPv6 the type. Host byte order; bits after the first `portBits` are 0. */
  readonly port: number;
  /** 0 (all ports) to 16 (one). */
  readonly portBits: number;
  readonly verdict: Verdict;
  /** Of `redirect`: what reads the traffic. */
  readonly l7?: L7;
  readonly rule: RuleRef;
}

/** Who takes over redirected traffic: a parser, or a listener of a CiliumEnvoyConfig. */
export interface L7 {
  /** `http`, `dns`, `kafka`, `tls`, or a policy's `l7proto`. */
  readonly parser: string;
  /** `kind/name/listener`, where the policy names one. */
  readonly listener?: string;
}

/** Two entries with the same key are one entry of a map. */
export function entryKey(
  entry: Pick<PolicyEntry, 'direction' | 'identity' | 'protocol' | 'port' | 'portBits'>,
): string {
  return `${entry.direction} ${entry.identity} ${entry.protocol} ${entry.port}/${entry.portBits}`;
}
