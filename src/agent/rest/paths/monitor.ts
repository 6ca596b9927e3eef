import {
  type FlowFilter,
  type FlowFilterSpec,
  flowFilter,
  flowFilterKeys,
  type MonitorEvent,
} from '../../../flows/index.ts';
import { BadRequest, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';

/** As many as a node keeps. */
const mostLast = 5120;

/**
 * Events, one JSON object a line: `last` of those that were, then with `follow=true` those that come. Not of Cilium's API, whose monitor has a
 * socket and an encoding of its own.
 */
export function monitorRoutes(view: DatapathView): Route[] {
  return [
    {
      method: 'GET',
      path: '/monitor',
      handle({ query, signal }) {
        const filter = filterOf(query);
        const last = Number(query.get('last') ?? 0);
        if (!Number.isInteger(last) || last < 0 || last > mostLast)
          throw new BadRequest(`last is a number up to ${mostLast}`);
        const follow = query.get('follow') === 'true';
        // Before what was is read: nothing may fall between the two.
        const coming = follow ? view.flows.follow(filter, signal) : undefined;
        const past = last === 0 ? [] : view.flows.last(last, filter);
        return { stream: lines(past, coming), contentType: 'application/x-ndjson' };
      },
    },
  ];
}

function filterOf(query: URLSearchParams): FlowFilter {
  const known: readonly string[] = flowFilterKeys;
  const wrong = [...query.keys()].find((key) => key !== 'last' && key !== 'follow' && !known.includes(key));
  if (wrong !== undefined) throw new BadRequest(`${wrong} is no filter; there are ${known.join(', ')}`);
  const spec: FlowFilterSpec = Object.fromEntries(flowFilterKeys.map((key) => [key, query.getAll(key)]));
  const filter = flowFilter(spec);
  if (typeof filter === 'string') throw new BadRequest(filter);
  return filter;
}

async function* lines(
  past: readonly MonitorEvent[],
  coming: AsyncIterable<readonly MonitorEvent[]> | undefined,
): AsyncGenerator<string> {
  if (past.length > 0) yield text(past);
  if (coming !== undefined) for await (const batch of coming) yield text(batch);
}

function text(events: readonly MonitorEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}
