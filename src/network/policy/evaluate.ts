import { covers, type Identity, type Labels, type Prefix } from '../identity/index.ts';
import { compareRules, strength } from './class-entries.ts';
import { IP_PROTOCOLS } from './ip-protocols.ts';
import type { NamedPrefixes } from './named-prefixes.ts';
import type { EnforcementMode } from './policy-engine-types.ts';
import type { Direction, L7, Verdict } from './policy-entry.ts';
import type { Peer, PortMatch, Rule } from './rule.ts';
import type { RuleRef } from './rule-ref.ts';
import { indexLabels, type LabelIndex, type Selector, selects } from './selector.ts';
import { type Services, servicePeerTerms } from './services.ts';
import type { NamedPort } from './subject-policy.ts';
import { builtInGrants, enforcementOf, requirementsOf, selectsSubject } from './subject-rules.ts';

/** One side of a packet. */
export interface Party {
  readonly labels: Labels;
  /** Where it is outside of the cluster: its address, as a network of one. */
  readonly address?: Prefix;
  /** Ports that its pod has names for. */
  readonly namedPorts: readonly NamedPort[];
}

export interface Question {
  /** Of the subject: `ingress` if the packet comes to it. */
  readonly direction: Direction;
  readonly subject: Party & { readonly kind: 'endpoint' | 'host' };
  readonly peer: Party;
  /** IANA number. */
  readonly protocol: number;
  /** Destination port, or type of ICMP. */
  readonly port: number;
}

/** What is there, for {@link evaluate}. */
export interface World {
  readonly rules: Iterable<Rule>;
  readonly enforcement: EnforcementMode;
  readonly allowLocalhost: boolean;
  readonly prefixes: NamedPrefixes;
  readonly services: Services;
}

export interface Answer {
  readonly verdict: Verdict;
  readonly l7?: L7;
  /** Whether the direction is enforced for the subject at all. */
  readonly enforced: boolean;
  /** What decides; absent where nothing is enforced, or where nothing matches and the default holds. */
  readonly rule?: RuleRef;
  /** Every grant that matches, the stronger first. */
  readonly matches: readonly { readonly verdict: Verdict; readonly rule: RuleRef }[];
  /** Why what nothing allows is dropped. */
  readonly defaultDenyBy: readonly RuleRef[];
}

/**
 * What a packet's fate is, straight from the rules: every rule is asked about this one packet, and the strongest of those that match
 * holds. Slow, and obvious: `policy trace` explains by it, and the entries of policy maps are tested against it.
 */
export function evaluate(question: Question, world: World): Answer {
  const { direction } = question;
  const subject = { kind: question.subject.kind, index: indexLabels(question.subject.labels) };
  const rules = [...world.rules].filter((rule) => selectsSubject(rule, subject));
  const enforcement = {
    ingress: enforcementOf(rules, 'ingress', subject, world.enforcement),
    egress: enforcementOf(rules, 'egress', subject, world.enforcement),
  };
  const { enforced, selectedBy } = enforcement[direction];
  if (!enforced) return { verdict: 'allow', enforced, matches: [], defaultDenyBy: [] };

  const peer = { ...question.peer, index: indexLabels(question.peer.labels) };
  const own = builtInGrants({ ...subject, enforcement }, world).filter((grant) => grant.direction === direction);
  const matches: { verdict: Verdict; l7?: L7; rule: RuleRef }[] = [];
  for (const grant of [...own, ...rules.flatMap((rule) => rule.sections[direction]?.grants ?? [])]) {
    const requires = requirementsOf(rules, direction, grant.verdict);
    if (grant.peers !== 'any' && !grant.peers.some((one) => isPeer(one, peer, requires, world))) continue;
    if (grant.ports === undefined) matches.push({ verdict: grant.verdict, rule: grant.ref });
    for (const match of grant.ports ?? []) {
      if (!isPort(match, question)) continue;
      if (match.l7 !== undefined && grant.verdict === 'allow')
        matches.push({ verdict: 'redirect', l7: match.l7, rule: match.ref });
      else matches.push({ verdict: grant.verdict, rule: match.ref });
    }
  }
  matches.sort((a, b) => strength[b.verdict] - strength[a.verdict] || compareRules(a.rule, b.rule));
  const first = matches[0];
  const answer = { enforced, matches, defaultDenyBy: selectedBy };
  if (first === undefined) return { ...answer, verdict: 'deny' };
  return { ...answer, verdict: first.verdict, rule: first.rule, ...(first.l7 === undefined ? {} : { l7: first.l7 }) };
}

type IndexedParty = Party & { readonly index: LabelIndex };

function isPeer(one: Peer, peer: IndexedParty, requires: readonly Selector[], world: World): boolean {
  switch (one.kind) {
    case 'labels':
      if (one.limited === true && !requires.every((selector) => selects(selector, peer.index))) return false;
      return selects(one.selector, peer.index);
    case 'prefix':
      return isIn(one.prefix, one.except, peer.address);
    case 'prefix-set':
      return world.prefixes.get(one.name).some((prefix) => isIn(prefix, one.except, peer.address));
    default:
      return servicePeerTerms(one, world.services).some((term) =>
        term.kind === 'labels' ? selects(term.selector, peer.index) : isIn(term.prefix, term.except, peer.address),
      );
  }
}

function isIn(prefix: Prefix, except: readonly Prefix[], address: Prefix | undefined): boolean {
  return address !== undefined && covers(prefix, address) && !except.some((one) => covers(one, address));
}

/** A name stands for the receiver's port of that name. */
function isPort({ protocols, port }: PortMatch, question: Question): boolean {
  if (!protocols.includes(question.protocol)) return false;
  if (port === undefined) return true;
  if (typeof port === 'object') return port.first <= question.port && question.port <= port.last;
  const receiver = question.direction === 'ingress' ? question.subject : question.peer;
  return receiver.namedPorts.some(
    (named) =>
      named.name === port && named.port === question.port && IP_PROTOCOLS[named.protocol] === question.protocol,
  );
}

/** The other side as an identity of the cluster. */
export function partyOf(identity: Identity, namedPorts: readonly NamedPort[] = []): Party {
  return { labels: identity.labels, namedPorts };
}
