import { type CidrPeer, type EndpointSelector, entityNames, type Peers, type ServicePeer } from '../cilium-policy.ts';
import {
  type Context,
  DNS_LABEL,
  DNS_SUBDOMAIN,
  defaulted,
  list,
  map,
  NOTHING,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  string,
  stringRecord,
} from '../schema/index.ts';
import { endpointSelector } from './endpoint-selector.ts';
import { fqdnSelector } from './l7-rules.ts';
import { checkExceptions, network, networkOrAddress } from './network.ts';

/* L3 members of a rule: whom it is about. */

const cidrPeer: Schema<CidrPeer> = map(
  object({
    cidr: optional(network),
    cidrGroupRef: optional(string({ min: 1, max: 253, format: DNS_SUBDOMAIN })),
    except: defaulted(list(network), []),
  }),
  ({ cidr, cidrGroupRef, except }, context): CidrPeer => {
    if (cidr !== undefined && cidrGroupRef === undefined) {
      checkExceptions({ cidr, except }, context);
      return { cidr, except };
    }
    if (cidrGroupRef !== undefined && cidr === undefined) return { cidrGroupRef, except };
    context.error(
      'InvalidValue',
      cidr === undefined ? 'has neither cidr nor cidrGroupRef' : 'has both cidr and cidrGroupRef',
      'set exactly one of the two',
    );
    return NOTHING;
  },
);

const namespace = optional(string({ max: 63, format: DNS_LABEL }));

/** Without the default of a Service's namespace, which is the policy's own. */
export type ReadService =
  | { readonly name: string; readonly namespace?: string }
  | Extract<ServicePeer, { selector: unknown }>;

const service: Schema<ReadService> = map(
  object({
    k8sService: optional(object({ serviceName: required(string({ min: 1, max: 63, format: DNS_LABEL })), namespace })),
    k8sServiceSelector: optional(object({ selector: required(endpointSelector), namespace })),
  }),
  ({ k8sService, k8sServiceSelector }, context): ReadService => {
    if (k8sService !== undefined && k8sServiceSelector === undefined)
      return named(k8sService.namespace, { name: k8sService.serviceName });
    if (k8sServiceSelector !== undefined && k8sService === undefined)
      return named(k8sServiceSelector.namespace, { selector: k8sServiceSelector.selector });
    context.error(
      'InvalidValue',
      `has ${k8sService === undefined ? 'neither' : 'both'} k8sService ${k8sService === undefined ? 'nor' : 'and'} k8sServiceSelector`,
      'set exactly one of the two',
    );
    return NOTHING;
  },
);

/** `namespace: ''` is the API's zero value: not set. */
const named = <T extends object>(name: string | undefined, rest: T): T & { readonly namespace?: string } =>
  name ? { ...rest, namespace: name } : rest;

const group = object({
  aws: optional(
    object({
      labels: defaulted(stringRecord, {}),
      region: optional(string()),
      securityGroupsIds: defaulted(list(string()), []),
      securityGroupsNames: defaulted(list(string()), []),
    }),
  ),
});

export type ReadPeers =
  | Exclude<Peers, { kind: 'services' }>
  | { readonly kind: 'services'; readonly services: readonly ReadService[] };

/** One field of a rule that says whom it is about. */
interface Member {
  /** Without `from` and `to`. */
  readonly name: string;
  readonly schema: Schema<ReadPeers>;
  readonly egressOnly?: true;
  readonly allowOnly?: true;
}

/** All L3 members but `fromRequires` and `toRequires`; an element has one of them at most. */
export const members: readonly Member[] = [
  { name: 'Endpoints', schema: map(list(endpointSelector), (selectors) => ({ kind: 'endpoints', selectors })) },
  {
    name: 'CIDR',
    schema: map(list(networkOrAddress), (all) => ({ kind: 'cidrs', cidrs: all.map((cidr) => ({ cidr, except: [] })) })),
  },
  { name: 'CIDRSet', schema: map(list(cidrPeer), (cidrs) => ({ kind: 'cidrs', cidrs })) },
  { name: 'Entities', schema: map(list(oneOf(...entityNames)), (entities) => ({ kind: 'entities', entities })) },
  { name: 'Nodes', schema: map(list(endpointSelector), (selectors) => ({ kind: 'nodes', selectors })) },
  { name: 'Groups', schema: map(list(group), (groups) => ({ kind: 'groups', groups })) },
  {
    name: 'Services',
    schema: map(list(service), (services) => ({ kind: 'services', services })),
    egressOnly: true,
  },
  {
    name: 'FQDNs',
    schema: map(list(fqdnSelector), (fqdns) => ({ kind: 'fqdns', fqdns })),
    egressOnly: true,
    allowOnly: true,
  },
];

/** How many an element names. */
export function countOf(peers: ReadPeers): number {
  switch (peers.kind) {
    case 'endpoints':
    case 'nodes':
      return peers.selectors.length;
    case 'cidrs':
      return peers.cidrs.length;
    case 'entities':
      return peers.entities.length;
    case 'groups':
      return peers.groups.length;
    case 'services':
      return peers.services.length;
    case 'fqdns':
      return peers.fqdns.length;
  }
}

/** The one member of an element that names somebody; or one that names nobody; undefined where none was written. */
export function solePeers(
  read: ReadonlyMap<string, ReadPeers>,
  verdict: 'allow' | 'deny',
  context: Context,
): ReadPeers | undefined {
  const filled = [...read].filter(([, peers]) => countOf(peers) > 0);
  if (filled.length > 1)
    context.error(
      'InvalidValue',
      `has both ${filled.map(([name]) => name).join(' and ')}`,
      'an element has one of them: write an element for each (either allows), or one selector that says both',
    );
  const peers = (filled[0] ?? [...read][0])?.[1];
  if (filled[0] !== undefined && peers?.kind === 'groups')
    context.warning(
      'Unsupported',
      `is not looked up at any cloud provider, so ${verdict === 'allow' ? 'nobody is in it' : 'anybody may be in it, and is denied'}`,
      'write networks instead',
      [filled[0][0]],
    );
  if (filled[0] !== undefined && peers?.kind === 'endpoints')
    warnOfForeignLabels(filled[0][0], peers.selectors, context);
  if (peers !== undefined && filled.length === 0)
    context.warning('InvalidValue', 'is an empty list, which nobody is in', 'remove it for everybody, or list peers', [
      [...read.keys()][0] as string,
    ]);
  return peers;
}

/** Labels of networks and of nodes, which no endpoint has. A node's may stand beside a reserved one, which means nodes. */
function warnOfForeignLabels(name: string, selectors: readonly EndpointSelector[], context: Context): void {
  for (const [i, selector] of selectors.entries()) {
    const isReserved = selector.some(({ source }) => source === 'reserved');
    const foreign = selector.find(
      ({ source, operator }) =>
        (operator === 'In' || operator === 'Exists') && (source === 'cidr' || (source === 'node' && !isReserved)),
    );
    if (foreign === undefined) continue;
    const prefix = name.slice(0, -'Endpoints'.length);
    const [what, field] = foreign.source === 'cidr' ? ['a network', 'CIDR'] : ['nodes', 'Nodes'];
    context.warning(
      'InvalidValue',
      `names a label of ${what}, ${foreign.source}:${foreign.key}, so it selects nobody`,
      `write ${prefix}${field}`,
      [name, i],
    );
  }
}
