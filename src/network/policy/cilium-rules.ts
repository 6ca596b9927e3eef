import type { Peers, PolicyRule, TrafficRule } from '../../api/index.ts';
import { peersOfRule, scopedSelector, subjectSelector } from './cilium-peers.ts';
import { portMatches } from './cilium-ports.ts';
import type { PolicyObject } from './policy-engine-types.ts';
import type { Direction } from './policy-entry.ts';
import type { Grant, Rule, Section } from './rule.ts';
import type { RuleRef } from './rule-ref.ts';

type RefOf = (path: string) => RuleRef;

/** Where a policy stands: what its selectors mean without saying it. */
export interface Scope {
  /** Absent: clusterwide. */
  readonly namespace?: string;
  /** Of no Kubernetes object: selectors mean what they say, also of endpoints that are no pods and have no namespace. */
  readonly isLocal?: boolean;
  /** The name of this cluster, for the entity `cluster`. */
  readonly cluster: string;
}

/** Rules of a CiliumNetworkPolicy, which are about its namespace, or of a clusterwide or local one. */
export function ciliumRules(
  policy: Exclude<PolicyObject, { readonly kind: 'NetworkPolicy' }>,
  cluster: string,
  ref: RefOf,
): Rule[] {
  const namespace = policy.kind === 'CiliumNetworkPolicy' ? (policy.metadata.namespace ?? 'default') : undefined;
  const isLocal = policy.kind === 'LocalPolicy';
  const scope: Scope = namespace === undefined ? { cluster, isLocal } : { cluster, namespace };
  return policy.rules.map((rule) => {
    // `specs[1].ingress[0]`, but plain `ingress[0]` for the one rule in `spec`, as people speak of it.
    const at: RefOf = (path) => ref(rule.field === 'spec' ? path : `${rule.field}.${path}`);
    const ingress = sectionOf(rule, 'ingress', scope, at);
    const egress = sectionOf(rule, 'egress', scope, at);
    return {
      subject: subjectOf(rule, scope),
      sections: { ...(ingress === undefined ? {} : { ingress }), ...(egress === undefined ? {} : { egress }) },
    };
  });
}

function subjectOf({ subject: { kind, selector } }: PolicyRule, scope: Scope): Rule['subject'] {
  if (kind === 'nodes') return { kind: 'host', selector };
  return { kind: 'endpoint', selector: subjectSelector(selector, scope) };
}

/** Undefined where the rule has neither allowing nor denying elements of the direction, nor asks for default deny without them. */
function sectionOf(rule: PolicyRule, direction: Direction, scope: Scope, ref: RefOf): Section | undefined {
  const allow = rule[direction];
  const deny = rule[`${direction}Deny`];
  const asked = rule.enableDefaultDeny[direction];
  if (allow.length === 0 && deny.length === 0 && asked !== true) return undefined;
  const parts = [
    ...allow.map((element, i) => ({ element, verdict: 'allow' as const, path: `${direction}[${i}]` })),
    ...deny.map((element, i) => ({ element, verdict: 'deny' as const, path: `${direction}Deny[${i}]` })),
  ];
  return {
    ref: ref(allow.length > 0 ? direction : deny.length > 0 ? `${direction}Deny` : 'enableDefaultDeny'),
    defaultDeny: asked ?? true,
    grants: parts.flatMap(({ element, verdict, path }) => grantsOf(element, verdict, path, scope, ref)),
    requires: parts.flatMap(({ element, verdict }) =>
      element.requires.map((selector) => ({ verdict, selector: scopedSelector(selector, scope, verdict) })),
    ),
  };
}

/** At most one: an element without peers and without ports allows nothing, it is only there for the default deny. */
function grantsOf(element: TrafficRule, verdict: 'allow' | 'deny', path: string, scope: Scope, ref: RefOf): Grant[] {
  const ports = portMatches(element, path, ref);
  if (element.peers === undefined && ports === undefined) return [];
  // Mutual authentication is nothing that anybody here could vouch for: what asks for it is not allowed.
  if (element.authentication === 'required' || element.authentication === 'test-always-fail') return [];
  // Who is in a cloud's groups nobody tells us: nobody is allowed for it, and anybody may be whom it denies.
  const isAnybody = element.peers === undefined || (verdict === 'deny' && hasGroups(element.peers));
  const peers = isAnybody ? 'any' : peersOfRule(element.peers as Peers, scope, verdict);
  return [{ verdict, peers, ...(ports === undefined ? {} : { ports }), ref: ref(path) }];
}

function hasGroups(peers: Peers): boolean {
  return peers.kind === 'groups' && peers.groups.length > 0;
}
