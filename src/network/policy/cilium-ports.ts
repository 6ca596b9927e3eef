import type { PolicyPort, PortRule, TrafficRule } from '../../api/index.ts';
import { IP_PROTOCOLS } from './ip-protocols.ts';
import type { L7 } from './policy-entry.ts';
import type { PortMatch } from './rule.ts';
import type { RuleRef } from './rule-ref.ts';

const ALL_PORTS = [IP_PROTOCOLS.TCP, IP_PROTOCOLS.UDP, IP_PROTOCOLS.SCTP];

/** Ports and ICMP types of an element; undefined where it names none, and is about all of IP. */
export function portMatches(
  { toPorts, icmps }: TrafficRule,
  path: string,
  ref: (path: string) => RuleRef,
): PortMatch[] | undefined {
  if (toPorts.length === 0 && icmps.length === 0) return undefined;
  const icmp = icmps.map(({ family, type }): PortMatch => {
    const protocol = family === 'IPv4' ? IP_PROTOCOLS.ICMP : IP_PROTOCOLS.ICMPv6;
    return { protocols: [protocol], port: { first: type, last: type }, ref: ref(`${path}.icmps`) };
  });
  return [
    ...toPorts.flatMap((rule, i) => {
      const l7 = l7Of(rule);
      const place = ref(`${path}.toPorts[${i}]`);
      // Where it lists none it matches none, as in Cilium; its author has been warned.
      return rule.ports.map((port) => portMatch(port, l7, place));
    }),
    ...icmp,
  ];
}

function portMatch({ port, endPort, protocol }: PolicyPort, l7: L7 | undefined, ref: RuleRef): PortMatch {
  const protocols = protocol === 'ANY' ? ALL_PORTS : [IP_PROTOCOLS[protocol]];
  return {
    // A parser reads streams, and DNS also datagrams: other protocols of such a port are not allowed by the rule.
    protocols: l7 === undefined ? protocols : protocols.filter((number) => parses(l7, number)),
    ...(port === 0 ? {} : { port: typeof port === 'string' ? port : { first: port, last: endPort ?? port } }),
    ...(l7 === undefined ? {} : { l7 }),
    ref,
  };
}

function parses({ parser }: L7, protocol: number): boolean {
  return protocol === IP_PROTOCOLS.TCP || (parser === 'dns' && protocol === IP_PROTOCOLS.UDP);
}

/** Who reads the traffic of these ports, if anybody must. */
function l7Of({ rules, listener, serverNames, terminatingTLS, originatingTLS }: PortRule): L7 | undefined {
  const parser = rules === undefined ? undefined : rules.kind === 'l7' ? rules.l7proto : rules.kind;
  if (listener !== undefined) {
    const { kind, name } = listener.envoyConfig;
    return { parser: parser ?? 'listener', listener: `${kind}/${name}/${listener.name}` };
  }
  if (parser !== undefined) return { parser };
  const tls = serverNames.length > 0 || terminatingTLS !== undefined || originatingTLS !== undefined;
  return tls ? { parser: 'tls' } : undefined;
}
