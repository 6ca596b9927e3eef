/** For tests only: the names by which encoded resources refer to each other. */
import type { ResourceType } from '../../mesh/envoy/resource.ts';
import { decodeResource } from '../../mesh/envoyconfig/index.ts';
import type { ClientResource } from '../../xds/testing/client-wire.ts';

export interface Reference {
  readonly type: ResourceType;
  readonly name: string;
}

const clusterFields = new Set(['cluster', 'cluster_name', 'clusters', 'collector_cluster', 'tcp_cluster_name']);

/** Every resource that this one names, wherever in it that is. */
export function referencesOf(resource: Pick<ClientResource, 'type' | 'name' | 'body'>): Reference[] {
  const message = decodeResource(resource);
  if (resource.type === 'endpoints') return [];
  const found: Reference[] = [];
  if (resource.type === 'clusters' && message.type === 'EDS') {
    const { service_name: name } = (message.eds_cluster_config ?? {}) as { service_name?: string };
    found.push({ type: 'endpoints', name: name ?? resource.name });
  }
  collect(message, found);
  return found;
}

function collect(value: unknown, found: Reference[]): void {
  if (Array.isArray(value)) for (const item of value) collect(item, found);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const add = (type: ResourceType, name: unknown) => {
    if (typeof name === 'string' && name !== '') found.push({ type, name });
  };
  for (const [key, item] of Object.entries(value)) {
    if (clusterFields.has(key)) {
      add('clusters', item);
      // WeightedCluster has a list of objects that are named; the dns clusters of `load_assignment` are no references.
      if (Array.isArray(item)) for (const one of item) add('clusters', (one as { name?: unknown }).name);
    }
    if (key === 'route_config_name' || key === 'route_configuration_name') add('routes', item);
    if (key === 'sds_config') add('secrets', (value as { name?: unknown }).name);
    if (key !== 'load_assignment') collect(item, found);
  }
}
