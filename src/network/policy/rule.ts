import type { Prefix } from '../identity/index.ts';
import type { Direction, L7 } from './policy-entry.ts';
import type { RuleRef } from './rule-ref.ts';
import type { Selector } from './selector.ts';

/** Some of the other side. */
export type Peer =
  /** Identities with these labels. `limited`: what `requires` of the subject's rules says must hold too. */
  | { readonly kind: 'labels'; readonly selector: Selector; readonly limited?: boolean }
  /** Identities of networks within `prefix` that are within none of `except`. */
  | { readonly kind: 'prefix'; readonly prefix: Prefix; readonly except: readonly Prefix[] }
  /** The same for a set of networks with a name: see {@link cidrGroupSet} and {@link fqdnSet}. */
  | { readonly kind: 'prefix-set'; readonly name: string; readonly except: readonly Prefix[] }
  /** The endpoints of Services: by name, or by labels (`namespace` absent: in all). */
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'services'; readonly namespace?: string; readonly selector: Selector };

export const cidrGroupSet = (name: string): string => `group ${name}`;
/** Addresses of the API server that are no node's: the entity `kube-apiserver` is these as well. */
export const KUBE_APISERVER_SET = 'kube-apiserver';
/** `pattern` as the policy has it, lower case. */
export const fqdnSet = (pattern: string): string => `fqdn ${pattern}`;

/** Destination ports, or ICMP types. */
export interface PortMatch {
  /** IANA numbers. */
  readonly protocols: readonly number[];
  /** Absent: all; a name of a port of the receiver; or from first to last, both included. */
  readonly port?: string | { readonly first: number; readonly last: number };
  readonly l7?: L7;
  readonly ref: RuleRef;
}

/** Traffic that a rule allows or denies: of any of the peers, to any of the ports. */
export interface Grant {
  readonly verdict: 'allow' | 'deny';
  /** `any`: everybody, known or not. */
  readonly peers: 'any' | readonly Peer[];
  /** Absent: all of IP. */
  readonly ports?: readonly PortMatch[];
  /** Of all ports. */
  readonly ref: RuleRef;
}

/** One direction of a rule. */
export interface Section {
  /** Of the place that says so: what is dropped by default is dropped for this. */
  readonly ref: RuleRef;
  /** Whether subjects are put into default deny. */
  readonly defaultDeny: boolean;
  readonly grants: readonly Grant[];
  /** For all `limited` peers of the same verdict, of all rules that select the subject. */
  readonly requires: readonly { readonly verdict: 'allow' | 'deny'; readonly selector: Selector }[];
}

/** A policy, whatever its kind: whom it selects and what these may do. */
export interface Rule {
  readonly subject: { readonly kind: 'endpoint' | 'host'; readonly selector: Selector };
  /** Absent: the rule says nothing about the direction. */
  readonly sections: { readonly [D in Direction]?: Section };
}
