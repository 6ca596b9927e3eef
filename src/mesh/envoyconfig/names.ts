import type { CiliumClusterwideEnvoyConfig, CiliumEnvoyConfig, JsonObject } from '../../api/index.ts';
import { type ResourceType, resourceTypes } from '../envoy/resource.ts';

/** Either kind; they differ in scope only. */
export type EnvoyConfigObject = CiliumEnvoyConfig | CiliumClusterwideEnvoyConfig;

/** The cluster that leads to Envoy's own admin interface, as in Cilium's examples. */
export const adminCluster = '/envoy-admin';

/** Listeners and tables of the other translators are called `ingress/...` and `gateway/...`. */
const reserved = new Set(['ingress', 'gateway', 'sluice']);

/**
 * What stands before the name of each resource: `namespace/name/`, and `/name/` for clusterwide ones, as in Cilium. Neither
 * part can hold a slash, so no object can name a resource of another one. Namespaces that are called as our own names
 * start get two slashes more: no other name starts so.
 */
export function namePrefix(namespace: string | undefined, name: string): string {
  if (namespace === undefined) return `/${name}/`;
  return reserved.has(namespace) ? `//${namespace}/${name}/` : `${namespace}/${name}/`;
}

const typeByUrl = new Map(Object.entries(resourceTypes).map(([type, url]) => [url as string, type as ResourceType]));

/** The xDS type of a top-level resource; undefined for what Envoy takes inside of others only. */
export function resourceTypeOf(resource: JsonObject): ResourceType | undefined {
  const url = resource['@type'];
  if (typeof url !== 'string') return undefined;
  return typeByUrl.get(`type.googleapis.com/${url.slice(url.lastIndexOf('/') + 1)}`);
}

/** The field that holds a resource's name. */
export function nameField(type: ResourceType): string {
  return type === 'endpoints' ? 'cluster_name' : 'name';
}

/** The name in a resource as written, or `''`. */
export function nameOf(type: ResourceType, resource: JsonObject): string {
  const name = resource[nameField(type)] ?? (type === 'endpoints' ? resource.clusterName : undefined);
  return typeof name === 'string' ? name : '';
}

/** The names that one object gives its resources, and how references to them read in Envoy. */
export class Names {
  readonly prefix: string;
  readonly #own = new Map<ResourceType, Set<string>>();

  constructor(object: EnvoyConfigObject) {
    this.prefix = namePrefix(object.metadata.namespace, object.metadata.name);
    for (const resource of object.spec.resources) {
      const type = resourceTypeOf(resource);
      if (type === undefined) continue;
      const names = this.#own.get(type) ?? new Set();
      this.#own.set(type, names.add(this.relative(nameOf(type, resource))));
    }
  }

  /** The name within the object: users may write the full one too. */
  relative(name: string): string {
    return name.startsWith(this.prefix) ? name.slice(this.prefix.length) : name;
  }
  /** The name in Envoy. */
  qualified(name: string): string {
    return this.prefix + this.relative(name);
  }
  has(type: ResourceType, name: string): boolean {
    return this.#own.get(type)?.has(this.relative(name)) === true;
  }
  all(type: ResourceType): readonly string[] {
    return [...(this.#own.get(type) ?? [])];
  }
}
