import type { CidrPeer, Peers, PolicyRule, PortRule, ServicePeer, TrafficRule } from '../../../api/index.ts';
import { selectorJson } from './selector-json.ts';

type Json = Readonly<Record<string, unknown>>;

/** A rule in the shape of a CiliumNetworkPolicy's `spec`, from what was understood of it: defaults are filled in, names resolved. */
export function ruleJson(rule: PolicyRule): Json {
  const subject = selectorJson(rule.subject.selector);
  const section = (name: 'ingress' | 'ingressDeny' | 'egress' | 'egressDeny', side: 'from' | 'to') =>
    rule[name].length === 0 ? {} : { [name]: rule[name].map((traffic) => trafficJson(traffic, side)) };
  return {
    ...(rule.subject.kind === 'nodes' ? { nodeSelector: subject } : { endpointSelector: subject }),
    ...section('ingress', 'from'),
    ...section('ingressDeny', 'from'),
    ...section('egress', 'to'),
    ...section('egressDeny', 'to'),
    ...(Object.keys(rule.enableDefaultDeny).length === 0 ? {} : { enableDefaultDeny: rule.enableDefaultDeny }),
    ...(rule.description === undefined ? {} : { description: rule.description }),
    ...(rule.labels.length === 0 ? {} : { labels: rule.labels }),
  };
}

function trafficJson({ peers, requires, toPorts, icmps, authentication }: TrafficRule, side: 'from' | 'to'): Json {
  return {
    ...(peers === undefined ? {} : peersJson(peers, side)),
    ...(requires.length === 0 ? {} : { [`${side}Requires`]: requires.map(selectorJson) }),
    ...(toPorts.length === 0 ? {} : { toPorts: toPorts.map(portsJson) }),
    ...(icmps.length === 0 ? {} : { icmps: [{ fields: icmps }] }),
    ...(authentication === undefined ? {} : { authentication: { mode: authentication } }),
  };
}

function peersJson(peers: Peers, side: 'from' | 'to'): Json {
  switch (peers.kind) {
    case 'endpoints':
      return { [`${side}Endpoints`]: peers.selectors.map(selectorJson) };
    case 'cidrs':
      return { [`${side}CIDRSet`]: peers.cidrs.map(cidrJson) };
    case 'entities':
      return { [`${side}Entities`]: peers.entities };
    case 'nodes':
      return { [`${side}Nodes`]: peers.selectors.map(selectorJson) };
    case 'services':
      return { toServices: peers.services.map(serviceJson) };
    case 'fqdns':
      return { toFQDNs: peers.fqdns };
    case 'groups':
      return { [`${side}Groups`]: peers.groups };
  }
}

function cidrJson(peer: CidrPeer): Json {
  return { ...peer, ...(peer.except.length === 0 ? { except: undefined } : {}) };
}

function serviceJson(peer: ServicePeer): Json {
  if ('name' in peer) return { k8sService: { serviceName: peer.name, namespace: peer.namespace } };
  return {
    k8sServiceSelector: {
      selector: selectorJson(peer.selector),
      ...(peer.namespace === undefined ? {} : { namespace: peer.namespace }),
    },
  };
}

function portsJson({ ports, rules, serverNames, ...rest }: PortRule): Json {
  return {
    ports: ports.map(({ port, ...more }) => ({ port: String(port), ...more })),
    ...(rules === undefined ? {} : { rules: rulesJson(rules) }),
    ...(serverNames.length === 0 ? {} : { serverNames }),
    ...rest,
  };
}

function rulesJson({ kind, ...rules }: NonNullable<PortRule['rules']>): Json {
  void kind;
  return rules;
}
