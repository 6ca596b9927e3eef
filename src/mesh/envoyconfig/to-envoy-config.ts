import type { CiliumEnvoyConfigSpec, JsonObject, ObjectRef } from '../../api/index.ts';
import { isObject } from '../../lib/is-object.ts';
import { type Resource, type ResourceType, resourceTypes } from '../envoy/resource.ts';
import { isAds } from './completion.ts';
import { decodeResource } from './encode.ts';
import { namePrefix } from './names.ts';
import type { JsonRecord } from './protojson.ts';
import { serviceTarget } from './references.ts';

/**
 * The CiliumEnvoyConfig that resources amount to, as plain JSON: what an Ingress or a Gateway would be by hand. Translated
 * again it gives the same resources, under names of its own. Without Secrets: `namespace/name` of a Kubernetes Secret stays
 * as a reference, and private keys inside of other resources are left out. Endpoints of Services become `backendServices`,
 * unless `lists` gives those of the CiliumEnvoyConfig that the resources came from.
 */
export function toCiliumEnvoyConfig(
  resources: readonly Resource[],
  owner: ObjectRef,
  lists?: Pick<CiliumEnvoyConfigSpec, 'services' | 'backendServices'>,
): JsonObject {
  const meta = metadataOf(owner);
  const writing = new Writing(namePrefix(meta.namespace, meta.name), resources);
  const shown = order.flatMap((type) => resources.filter((resource) => resource.type === type));
  const written = shown.flatMap((resource) => writing.resource(resource));
  const services = lists?.services ?? [];
  const backendServices = lists?.backendServices ?? writing.backendServices();
  return {
    apiVersion: 'cilium.io/v2',
    kind: meta.namespace === undefined ? 'CiliumClusterwideEnvoyConfig' : 'CiliumEnvoyConfig',
    metadata: { ...meta },
    spec: {
      ...(services.length === 0 ? {} : { services }),
      ...(backendServices.length === 0 ? {} : { backendServices }),
      resources: written,
    },
  } as unknown as JsonObject;
}

/** As Cilium calls what it generates: `cilium-ingress-NAME`, `cilium-gateway-NAME`. A CiliumEnvoyConfig keeps its name. */
function metadataOf({ kind, namespace, name }: ObjectRef): { name: string; namespace?: string } {
  const own = /EnvoyConfig$/.test(kind) ? name : `cilium-${kind.toLowerCase()}-${name}`.slice(0, 253);
  return { name: own, ...(namespace === undefined ? {} : { namespace }) };
}

/** As people write them; secrets are left out. */
const order: readonly ResourceType[] = ['listeners', 'scoped-routes', 'routes', 'clusters', 'endpoints', 'extensions'];
const nameKeys = /^(name|cluster|clusters|cluster_name|route_config_name|route_configuration_name|service_name)$/;
const secretKeys = new Set(['private_key', 'pkcs12', 'password', 'session_ticket_keys']);

class Writing {
  readonly #prefix: string;
  /** Full names that lose the prefix. */
  readonly #own: ReadonlySet<string>;
  readonly #edsClusters = new Set<string>();
  readonly #services = new Map<string, Set<string>>();

  constructor(prefix: string, resources: readonly Resource[]) {
    this.#prefix = prefix;
    this.#own = new Set(resources.map(({ name }) => name).filter((name) => name.startsWith(prefix)));
  }

  resource(resource: Resource): JsonRecord[] {
    // Envoy asks for it by this name only.
    if (resource.type === 'endpoints' && !this.#edsClusters.has(resource.name)) return [];
    const message = this.#plain(decodeResource(resource)) as JsonRecord;
    if (resource.type === 'clusters' && message.type === 'EDS') this.#edsCluster(resource.name, message);
    return [{ '@type': resourceTypes[resource.type], ...message }];
  }

  backendServices(): JsonRecord[] {
    return [...this.#services].sort().map(([key, ports]) => {
      const slash = key.indexOf('/');
      const number = [...ports].sort();
      const service = { name: key.slice(slash + 1), namespace: key.slice(0, slash) };
      return number.length === 0 ? service : { ...service, number };
    });
  }

  /** Endpoints are found by `namespace/name:port`; the variant of talking to it is in the cluster's own settings. */
  #edsCluster(name: string, message: JsonRecord): void {
    const own = this.#relative(name);
    const target = serviceTarget(own.replace(/\+.*$/, ''));
    if (target === undefined) {
      this.#edsClusters.add(name);
      return;
    }
    const wanted = target.port === undefined ? target.service : `${target.service}:${target.port}`;
    delete message.eds_cluster_config;
    if (wanted !== own) message.eds_cluster_config = { service_name: wanted };
    const ports = this.#services.get(target.service) ?? new Set();
    this.#services.set(target.service, target.port === undefined ? ports : ports.add(target.port));
  }

  /** Without what the translation adds by itself: sources that are ADS, and the object's own name in front of others. */
  #plain(value: unknown, key = ''): unknown {
    if (typeof value === 'string') return nameKeys.test(key) ? this.#relative(value) : value;
    if (Array.isArray(value)) return value.map((item) => this.#plain(item, key));
    if (!isObject(value)) return value;
    const { '@type': type, ...fields } = value;
    const out: JsonRecord = type === undefined ? {} : { '@type': type };
    for (const [name, field] of Object.entries(fields)) {
      if (secretKeys.has(name) || (/_(config|source)$/.test(name) && isAds(field))) continue;
      out[name] = this.#plain(field, name);
    }
    return out;
  }

  #relative(name: string): string {
    if (!name.startsWith(this.#prefix)) return name;
    const rest = name.slice(this.#prefix.length);
    // A cluster made for a Service need not be among the resources; but other texts that start so are none of ours.
    return this.#own.has(name) || serviceTarget(rest) !== undefined ? rest : name;
  }
}
