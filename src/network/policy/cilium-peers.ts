import type { CidrPeer, Entity, Peers, ServicePeer } from '../../api/index.ts';
import {
  CLUSTER_LABEL,
  NAMESPACE_LABEL,
  NAMESPACE_LABELS_PREFIX,
  NODE_LABEL_SOURCE,
  type Prefix,
  parsePrefix,
} from '../identity/index.ts';
import type { Scope } from './cilium-rules.ts';
import { cidrGroupSet, fqdnSet, KUBE_APISERVER_SET, type Peer } from './rule.ts';
import type { Requirement, Selector } from './selector.ts';

/** `any` where the entity `all` is among them: everybody, known or not. */
export function peersOfRule(peers: Peers, scope: Scope, verdict: 'allow' | 'deny'): 'any' | Peer[] {
  switch (peers.kind) {
    case 'endpoints':
      return peers.selectors.map((selector) => ({
        kind: 'labels',
        selector: scopedSelector(selector, scope, verdict),
        limited: true,
      }));
    case 'entities':
      if (peers.entities.includes('all')) return 'any';
      return peers.entities.flatMap((entity) => entityPeers(entity, scope.cluster));
    case 'cidrs':
      return peers.cidrs.map(cidrPeer);
    case 'nodes':
      return peers.selectors.flatMap((selector) => nodePeers(selector));
    case 'services':
      return peers.services.map(servicePeer);
    case 'fqdns':
      return peers.fqdns.map((fqdn) => ({
        kind: 'prefix-set',
        name: fqdnSet('matchName' in fqdn ? fqdn.matchName : fqdn.matchPattern),
        except: [],
      }));
    case 'groups':
      // Addresses of a cloud's security groups, which nobody tells us: nobody, where they are allowed.
      return [];
  }
}

/**
 * A selector of endpoints says what is meant: endpoints (not hosts or networks, which have no namespace) of the policy's own namespace,
 * unless it names namespaces itself; selectors of reserved identities are as they are, and so are those of local policies. One that only
 * says which reserved labels must not be is about everybody else where it denies, but opens nothing beyond the namespace.
 */
export function scopedSelector(selector: Selector, { namespace, isLocal }: Scope, verdict: 'allow' | 'deny'): Selector {
  const isReserved = (one: Requirement) => one.source === 'reserved' && (verdict === 'deny' || isPositive(one));
  if (isLocal === true || selector.some(isReserved)) return selector;
  const isNamespace = ({ source, key }: Requirement) =>
    (source === 'k8s' || source === 'any') && (key === NAMESPACE_LABEL || key.startsWith(NAMESPACE_LABELS_PREFIX));
  if (namespace === undefined || selector.some(isNamespace)) return [...selector, exists('k8s', NAMESPACE_LABEL)];
  return [...selector, { source: 'k8s', key: NAMESPACE_LABEL, operator: 'In', values: [namespace] }];
}

/**
 * Whom a policy is about: in its own namespace whatever it says of namespaces, so that nobody rules over other namespaces' pods;
 * pods whose labels are not known yet (`reserved:init`) have none. To say of that label that it must not be there is not to mean these
 * (CVE-2023-41333).
 */
export function subjectSelector(selector: Selector, scope: Scope): Selector {
  const isInit = (one: Requirement) => one.source === 'reserved' && one.key === 'init' && isPositive(one);
  if (scope.namespace === undefined || selector.some(isInit)) return scopedSelector(selector, scope, 'allow');
  const others = selector.filter(({ key, operator }) => key !== NAMESPACE_LABEL || operator !== 'In');
  return [...others, { source: 'k8s', key: NAMESPACE_LABEL, operator: 'In', values: [scope.namespace] }];
}

const isPositive = ({ operator }: Requirement): boolean => operator === 'In' || operator === 'Exists';

function entityPeers(entity: Entity, cluster: string): Peer[] {
  switch (entity) {
    case 'all':
    case 'none':
      return [];
    // As networks, so that addresses that no other prefix holds are known by family.
    case 'world-ipv4':
      return [cidrPeer({ cidr: '0.0.0.0/0', except: [] })];
    case 'world-ipv6':
      return [cidrPeer({ cidr: '::/0', except: [] })];
    case 'cluster':
      return [
        ...clusterEntities.map((one) => reservedPeer(one)),
        externalApiServer,
        {
          kind: 'labels',
          selector: [{ source: 'k8s', key: CLUSTER_LABEL, operator: 'In', values: [cluster] }],
        },
      ];
    case 'kube-apiserver':
      return [reservedPeer(entity), externalApiServer];
    default:
      return [reservedPeer(entity)];
  }
}

const clusterEntities = ['host', 'remote-node', 'init', 'health', 'unmanaged', 'kube-apiserver', 'ingress'] as const;

/** Outside of the cluster it is a network like others, which only these entities know by another name. */
const externalApiServer: Peer = { kind: 'prefix-set', name: KUBE_APISERVER_SET, except: [] };

function reservedPeer(name: string): Peer {
  return { kind: 'labels', selector: [exists('reserved', name)] };
}

/** By the labels of nodes, whatever source is written before them; this node is the host, others are remote nodes. */
function nodePeers(selector: Selector): Peer[] {
  const labels = selector.map((one) => (one.source === 'reserved' ? one : { ...one, source: NODE_LABEL_SOURCE }));
  return ['host', 'remote-node'].map((name) => ({
    kind: 'labels',
    selector: [...labels, exists('reserved', name)],
  }));
}

function cidrPeer(peer: CidrPeer): Peer {
  const except = peer.except.map((cidr) => parsePrefix(cidr) as Prefix);
  if ('cidrGroupRef' in peer) return { kind: 'prefix-set', name: cidrGroupSet(peer.cidrGroupRef), except };
  return { kind: 'prefix', prefix: parsePrefix(peer.cidr) as Prefix, except };
}

function servicePeer(peer: ServicePeer): Peer {
  if ('name' in peer) return { kind: 'service', namespace: peer.namespace, name: peer.name };
  const { selector, namespace } = peer;
  return { kind: 'services', selector, ...(namespace === undefined ? {} : { namespace }) };
}

function exists(source: string, key: string): Requirement {
  return { source, key, operator: 'Exists', values: [] };
}
