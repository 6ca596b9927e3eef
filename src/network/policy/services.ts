import { NAMESPACE_LABEL, parsePrefix } from '../identity/index.ts';
import type { SelectorTerm } from './cached-selector.ts';
import type { Peer } from './rule.ts';
import { indexLabels, type Requirement, selects } from './selector.ts';

/** A Service as `toServices` sees it. */
export interface PolicyService {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: its endpoints are `addresses`. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Of its EndpointSlices; read where there is no selector. */
  readonly addresses: readonly string[];
}

type ServicePeer = Extract<Peer, { kind: 'service' | 'services' }>;

/** All rules that select Services by labels look at every one. */
const ALL = 'services';

/** What a peer is resolved from: one Service, or any. */
export function serviceKeyOf(peer: ServicePeer): string {
  return peer.kind === 'services' ? ALL : `service ${peer.namespace}/${peer.name}`;
}

export class Services {
  readonly #services = new Map<string, PolicyService>();

  get(key: string): PolicyService | undefined {
    return this.#services.get(key);
  }
  values(): IterableIterator<PolicyService> {
    return this.#services.values();
  }
  /** Undefined removes it. Returns the keys ({@link serviceKeyOf}) of what may be different now. */
  set(key: string, service: PolicyService | undefined): string[] {
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
    return [`service ${key}`, ALL];
  }
}

/**
 * Whom a Service stands for: the pods that it selects, in its namespace; without a selector, the addresses that somebody wrote into
 * its EndpointSlices.
 */
export function servicePeerTerms(peer: ServicePeer, services: Services): SelectorTerm[] {
  if (peer.kind === 'service') {
    const service = services.get(`${peer.namespace}/${peer.name}`);
    return service === undefined ? [] : termsOf(service);
  }
  const terms: SelectorTerm[] = [];
  for (const service of services.values()) {
    if (peer.namespace !== undefined && peer.namespace !== service.namespace) continue;
    const labels = Object.entries(service.labels).map(([key, value]) => `k8s:${key}=${value}`);
    if (selects(peer.selector, indexLabels(labels))) terms.push(...termsOf(service));
  }
  return terms;
}

function termsOf({ selector, namespace, addresses }: PolicyService): SelectorTerm[] {
  if (selector === undefined) {
    return addresses
      .map(parsePrefix)
      .filter((prefix) => prefix !== undefined)
      .map((prefix) => ({ kind: 'prefix', prefix, except: [] }));
  }
  const wanted: Requirement[] = Object.entries(selector).map(([key, value]) => has(key, value));
  return [{ kind: 'labels', selector: [...wanted, has(NAMESPACE_LABEL, namespace)] }];
}

function has(key: string, value: string): Requirement {
  return { source: 'k8s', key, operator: 'In', values: [value] };
}
