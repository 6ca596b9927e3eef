import { objectKey, type Service } from '../../api/index.ts';
import { compareText } from '../../lib/compare.ts';
import { type IpAddress, type IpFamily, parseIp } from '../../lib/ip-address.ts';

/** What a Service wants of the pools. */
export interface Request {
  /** `namespace/name` */
  readonly key: string;
  /** ms since the epoch. */
  readonly created: number;
  readonly namespace: string;
  /** What selectors of pools see. */
  readonly labels: Readonly<Record<string, string>>;
  /** One address of each. */
  readonly families: readonly IpFamily[];
  /** These addresses and no others, whatever their family. Empty: any. */
  readonly asked: readonly IpAddress[];
  /** Of what was asked for, that which is no address. */
  readonly invalid: readonly string[];
  readonly sharing?: Sharing;
}

/** Services with the same key may have the same address, as far as they don't get into each other's way. */
export interface Sharing {
  readonly key: string;
  /** Namespaces besides its own whose Services it shares with; `*` for all. */
  readonly namespaces: readonly string[];
  /** `TCP/80` */
  readonly ports: readonly string[];
  /** With externalTrafficPolicy Local: its selector, as text. Nodes without a pod then take no traffic for the address. */
  readonly local?: string;
}

/** Cilium's own classes (BGP, L2 announcement) say who announces an address, and all of them get it from the pools. */
const ownClass = 'io.cilium/';

/** Undefined for a Service that gets its addresses elsewhere, or needs none. */
export function requestOf(service: Service): Request | undefined {
  const { spec, metadata } = service;
  if (spec.type !== 'LoadBalancer') return undefined;
  if (spec.loadBalancerClass !== undefined && !spec.loadBalancerClass.startsWith(ownClass)) return undefined;
  const { namespace = '', name, creationTimestamp: created } = metadata;
  const texts = [...listOf(service, 'ips'), ...(spec.loadBalancerIP ? [spec.loadBalancerIP] : [])];
  const asked = new Map<string, IpAddress>();
  const invalid: string[] = [];
  for (const text of texts) {
    const address = parseIp(text);
    if (address === undefined) invalid.push(text);
    else asked.set(`${address.family} ${address.value}`, address);
  }
  const families: readonly IpFamily[] =
    spec.ipFamilies.length === 0 ? [4] : spec.ipFamilies.map((family) => (family === 'IPv4' ? 4 : 6));
  const sharing = sharingOf(service);
  return {
    key: objectKey(service),
    created,
    namespace,
    labels: {
      ...metadata.labels,
      'io.kubernetes.service.namespace': namespace,
      'io.kubernetes.service.name': name,
    },
    families,
    asked: [...asked.values()],
    invalid,
    ...(sharing === undefined ? {} : { sharing }),
  };
}

/** Older Services first. */
export function compareRequests(a: Request, b: Request): number {
  return a.created - b.created || compareText(a.key, b.key);
}

export function mayShare(a: Request, b: Request): boolean {
  const one = a.sharing;
  const other = b.sharing;
  if (one === undefined || other === undefined || one.key !== other.key) return false;
  if (a.namespace !== b.namespace && !(admits(one, b.namespace) && admits(other, a.namespace))) return false;
  if (one.ports.some((port) => other.ports.includes(port))) return false;
  return one.local === other.local;
}

function admits({ namespaces }: Sharing, namespace: string): boolean {
  return namespaces.includes('*') || namespaces.includes(namespace);
}

function sharingOf(service: Service): Sharing | undefined {
  const key = annotation(service, 'sharing-key');
  if (key === undefined || key === '') return undefined;
  const { ports, externalTrafficPolicy, selector = {} } = service.spec;
  const pairs = Object.entries(selector).sort(([a], [b]) => compareText(a, b));
  return {
    key,
    namespaces: listOf(service, 'sharing-cross-namespace'),
    ports: ports.map(({ protocol, port }) => `${protocol}/${port}`),
    ...(externalTrafficPolicy === 'Local' ? { local: JSON.stringify(pairs) } : {}),
  };
}

function listOf(service: Service, name: string): string[] {
  const texts = annotation(service, name)?.split(',') ?? [];
  return texts.map((text) => text.trim()).filter((text) => text !== '');
}

/** By its name of today, and by the older one. */
function annotation({ metadata: { annotations } }: Service, name: string): string | undefined {
  return annotations[`lbipam.cilium.io/${name}`] ?? annotations[`io.cilium/lb-ipam-${name}`];
}
