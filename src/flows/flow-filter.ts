import { EventType, EventVerdict, event as layout } from '../gen/abi.ts';
import { type Flow, type MonitorEvent, type MonitorType, monitorTypes, type Verdict } from './flow.ts';
import { parseProtocol, protocolNames } from './names.ts';
import { type PartyFilter, parsePartyFilter, partyForms } from './party-filter.ts';

/** What a reader wants to see: each list is an alternative, all that are given must hold. Texts as people write them. */
export interface FlowFilterSpec {
  readonly type?: readonly string[];
  readonly verdict?: readonly string[];
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  /** Either side. */
  readonly related?: readonly string[];
  readonly protocol?: readonly string[];
  /** Of either side. */
  readonly port?: readonly string[];
}

export const flowFilterKeys = ['type', 'verdict', 'from', 'to', 'related', 'protocol', 'port'] as const;

export interface FlowFilter {
  /** Asked of the record as it lies in the ring buffer, before anything is made of it. */
  raw(view: DataView, start: number): boolean;
  matches(event: MonitorEvent): boolean;
}

export const verdicts: readonly Verdict[] = ['forwarded', 'dropped', 'audit', 'redirected'];

const rawTypes: Readonly<Record<Exclude<MonitorType, 'agent'>, number>> = {
  drop: EventType.drop,
  trace: EventType.trace,
  'policy-verdict': EventType.policyVerdict,
};

/** The filter, or a sentence: what is wrong and what would be right. */
export function flowFilter(spec: FlowFilterSpec): FlowFilter | string {
  const types = oneOf(spec.type, monitorTypes, 'type');
  if (typeof types === 'string') return types;
  const wanted = oneOf(spec.verdict, verdicts, 'verdict');
  if (typeof wanted === 'string') return wanted;
  const from = parties(spec.from);
  const to = parties(spec.to);
  const related = parties(spec.related);
  const wrong = [from, to, related].find((side) => typeof side === 'string');
  if (typeof wrong === 'string') return wrong;
  const ports = spec.port?.map((text) => (/^\d{1,5}$/.test(text) ? Number(text) : Number.NaN));
  if (ports?.every((port) => port <= 65_535) === false) return 'a port is a number up to 65535';
  const protocols = spec.protocol?.map(parseProtocol);
  const noProtocol = spec.protocol?.find((name) => parseProtocol(name) === undefined);
  if (noProtocol !== undefined)
    return `${noProtocol} is no protocol; there are ${protocolNames.join(', ')}, and numbers up to 255`;

  const typeNumbers = new Set(types.flatMap((type) => (type === 'agent' ? [] : [rawTypes[type]])));
  const verdictNumbers = new Set(wanted.map((verdict) => EventVerdict[verdict] as number));
  const { type: typeAt, verdict: verdictAt } = layout.offsets;
  const onlyFlows = [spec.verdict, spec.from, spec.to, spec.related, spec.protocol, spec.port].some(isGiven);

  const side = (filters: readonly PartyFilter[] | string, ...of: Flow['source'][]) =>
    typeof filters === 'string' || filters.length === 0 || of.some((party) => filters.some((filter) => filter(party)));
  return {
    raw(view, start) {
      return (
        (typeNumbers.size === 0 ? types.length === 0 : typeNumbers.has(view.getUint8(start + typeAt))) &&
        (verdictNumbers.size === 0 || verdictNumbers.has(view.getUint8(start + verdictAt)))
      );
    },
    matches(event) {
      // What is lost concerns everybody who reads.
      if (event.kind === 'lost') return true;
      if (event.kind === 'agent') return !onlyFlows && (types.length === 0 || types.includes('agent'));
      const { source, destination } = event;
      return (
        (types.length === 0 || types.includes(event.type)) &&
        (wanted.length === 0 || wanted.includes(event.verdict)) &&
        side(from, source) &&
        side(to, destination) &&
        side(related, source, destination) &&
        (!isGiven(ports) || ports.some((port) => port === source.port || port === destination.port)) &&
        (!isGiven(protocols) || protocols.includes(event.protocol ?? ''))
      );
    },
  };
}

function isGiven<T>(list: readonly T[] | undefined): list is readonly T[] {
  return list !== undefined && list.length > 0;
}

function oneOf<T extends string>(
  given: readonly string[] = [],
  known: readonly T[],
  what: string,
): readonly T[] | string {
  const bad = given.find((value) => !(known as readonly string[]).includes(value));
  return bad === undefined ? (given as readonly T[]) : `${bad} is no ${what}; there are ${known.join(', ')}`;
}

function parties(texts: readonly string[] = []): readonly PartyFilter[] | string {
  const filters: PartyFilter[] = [];
  for (const text of texts) {
    const filter = parsePartyFilter(text);
    if (filter === undefined) return `${JSON.stringify(text)} names nobody; what can: ${partyForms}`;
    filters.push(filter);
  }
  return filters;
}
