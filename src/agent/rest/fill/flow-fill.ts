import type { FlowContext } from '../../../flows/index.ts';
import { Fault } from '../../../lib/fault.ts';
import { formatRuleRef } from '../../../network/policy/index.ts';
import type { NodeSources } from './node-sources.ts';

/** ms for which the name of a device is believed: an index may be another device's later. */
const believeNames = 5000;

/** The names of what events number. */
export function flowContext({ engine, ipcache, endpoints, interfaceName }: NodeSources): FlowContext {
  const names = new Map<number, { readonly name: string | undefined; readonly until: number }>();
  return {
    labels: (identity) => engine.identity(identity)?.labels,
    address(ip) {
      const entry = ipcache.get(`${ip}/${ip.includes(':') ? 128 : 32}`);
      if (entry === undefined) return undefined;
      const own = entry.source === 'local' ? ownerOf(ip) : undefined;
      return {
        ...(entry.pod === undefined ? {} : { pod: entry.pod }),
        ...(own === undefined ? {} : { endpoint: own }),
      };
    },
    rule(number) {
      const rule = number === 0 ? undefined : engine.rule(number);
      return rule === undefined ? undefined : formatRuleRef(rule);
    },
    defaultDenyBy: (id, direction) =>
      endpoints.byId(id)?.subject.enforcement[direction].selectedBy.map(formatRuleRef) ?? [],
    interface(index) {
      const now = performance.now();
      const known = names.get(index);
      if (known !== undefined && known.until > now) return known.name;
      const name = nameOf(index);
      names.set(index, { name, until: now + believeNames });
      return name;
    },
  };

  /** A name is for people: without it the event is told all the same. */
  function nameOf(index: number): string | undefined {
    try {
      return interfaceName(index);
    } catch (error) {
      if (error instanceof Fault) return undefined;
      throw error;
    }
  }

  function ownerOf(ip: string): number | undefined {
    for (const { endpoint } of endpoints.values())
      if (endpoint.addresses.ipv4 === ip || endpoint.addresses.ipv6 === ip) return endpoint.id;
    return undefined;
  }
}
