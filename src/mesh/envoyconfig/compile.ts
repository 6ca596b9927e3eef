import { type BackendService, type JsonObject, type ObjectRef, refKey, refOf } from '../../api/index.ts';
import { Context, closest } from '../../api/schema/index.ts';
import { isObject } from '../../lib/is-object.ts';
import { type Resource, type ResourceType, resourceTypes } from '../envoy/resource.ts';
import { typeOfAny } from './any-type.ts';
import type { Compiled, EndpointNeed, ListenerDraft, RedirectDraft } from './compiled.ts';
import { ads, completing, isAds } from './completion.ts';
import { encodeResource } from './encode.ts';
import { listenerAddresses } from './listener-address.ts';
import { type EnvoyConfigObject, Names, nameField, nameOf, resourceTypeOf } from './names.ts';
import { type JsonRecord, ProtoJson } from './protojson.ts';
import { References, type ServiceTarget, serviceTarget } from './references.ts';

/**
 * One CiliumEnvoyConfig or CiliumClusterwideEnvoyConfig, read by itself. A resource with an error is left out, with a
 * diagnostic, and the others go on: what refers to it is answered by Envoy as for anything that does not exist.
 */
export function compileEnvoyConfig(object: EnvoyConfigObject): Compiled {
  return new Compilation(object).result();
}

/** Tables go into scopes, and these into connection managers. */
const order: readonly ResourceType[] = [
  'routes',
  'scoped-routes',
  'listeners',
  'clusters',
  'endpoints',
  'secrets',
  'extensions',
];

class Compilation {
  readonly #object: EnvoyConfigObject;
  readonly #ref: ObjectRef;
  readonly #context = new Context();
  readonly #names: Names;
  readonly #references: References;
  readonly #check: ProtoJson;
  readonly #backendServices: ReadonlyMap<string, readonly BackendService[]>;
  readonly #scopes: JsonRecord[] = [];
  /** Checked RouteConfigurations by relative name. */
  readonly #tables = new Map<string, JsonRecord>();
  readonly #seen = new Set<string>();
  readonly #listeners: ListenerDraft[] = [];
  readonly #resources: Resource[] = [];
  readonly #endpoints: EndpointNeed[] = [];
  /** EDS clusters, and the relative name of the ClusterLoadAssignment that each wants. */
  readonly #assigned = new Map<string, string>();
  /** Clusters that have an assignment of the object's own. The others get an empty one at least, or Envoy waits for it. */
  readonly #served = new Set<string>();
  readonly #assignments = new Map<string, { readonly message: JsonRecord; readonly index: number }>();

  constructor(object: EnvoyConfigObject) {
    this.#object = object;
    this.#ref = refOf(object);
    this.#names = new Names(object);
    this.#backendServices = Map.groupBy(object.spec.backendServices, (entry) => `${entry.namespace}/${entry.name}`);
    this.#references = new References(this.#names, object.spec, object.kind === 'CiliumClusterwideEnvoyConfig');
    const site = {
      context: this.#context,
      references: this.#references,
      namespace: object.metadata.namespace,
      scopes: this.#scopes,
    };
    this.#check = new ProtoJson(this.#context, completing(site));
  }

  result(): Compiled {
    const { resources, services, backendServices } = this.#object.spec;
    const byType = Map.groupBy(resources.entries(), ([, resource]) => resourceTypeOf(resource));
    this.#at('resources', () => {
      for (const [index, resource] of byType.get(undefined) ?? []) this.#below(index, () => this.#refuseType(resource));
      for (const type of order)
        for (const [index, resource] of byType.get(type) ?? [])
          this.#below(index, () => this.#resource(type, resource, index));
      for (const need of this.#endpoints) this.#assignment(need);
    });
    const redirects: RedirectDraft[] = [];
    this.#at('services', () => {
      for (const [index, entry] of services.entries())
        this.#below(index, () => {
          const listener = this.#listenerFor(entry.listener);
          const service = `${entry.namespace}/${entry.name}`;
          if (listener !== undefined) redirects.push({ service, ports: entry.ports, listener, index });
        });
    });
    const { serviceClusters, secrets, admin } = this.#references;
    return {
      ref: this.#ref,
      key: refKey(this.#ref),
      created: this.#object.metadata.creationTimestamp,
      listeners: this.#listeners,
      resources: this.#resources,
      endpoints: this.#endpoints.filter((need) => !this.#served.has(need.cluster)),
      serviceClusters: [...serviceClusters].map(([cluster, target]) => ({
        cluster,
        service: target.service,
        ports: this.#portsOf(target),
        origin: this.#ref,
        field: 'spec.resources',
      })),
      secrets: [...secrets.values()],
      redirects,
      listed: [
        ...services.map((entry, i) => [`spec.services[${i}]`, `${entry.namespace}/${entry.name}`] as const),
        ...backendServices.map(
          (entry, i) => [`spec.backendServices[${i}]`, `${entry.namespace}/${entry.name}`] as const,
        ),
      ],
      admin,
      diagnostics: this.#context.diagnostics().map((diagnostic) => ({ ...diagnostic, object: this.#ref })),
    };
  }

  #at(list: string, run: () => void): void {
    this.#below('spec', () => this.#below(list, run));
  }
  #below(segment: string | number, run: () => void): void {
    this.#context.enter(segment);
    run();
    this.#context.leave();
  }

  #refuseType(resource: JsonObject): void {
    const desc = typeOfAny(resource['@type'], this.#context);
    if (desc === undefined) return;
    const types = Object.values(resourceTypes).map((url) => url.slice(url.lastIndexOf('.') + 1));
    this.#context.error(
      'UnsupportedType',
      `is ${desc.typeName}, which is no resource of its own`,
      `Envoy takes ${types.join(', ')}; everything else stands inside of these`,
      ['@type'],
    );
  }

  #resource(type: ResourceType, resource: JsonObject, index: number): void {
    const before = this.#context.errors;
    const desc = typeOfAny(resource['@type'], this.#context);
    const { '@type': _type, ...fields } = resource;
    const written = nameOf(type, resource);
    if (written === '') {
      this.#context.error('MissingField', 'is missing', 'every resource needs a name', [nameField(type)]);
      return;
    }
    const name = this.#names.qualified(written);
    if (this.#seen.has(`${type}/${name}`))
      this.#context.error(
        'DuplicateName',
        `is ${JSON.stringify(written)}, which another resource of its type in this object has`,
        'rename one of them',
        [nameField(type)],
      );
    this.#seen.add(`${type}/${name}`);
    if (desc === undefined) return;
    const message = this.#check.message(desc, fields) as JsonRecord;
    if (this.#context.errors > before) return;
    message[nameField(type)] = name;
    if (type === 'listeners') this.#listener(name, message, index);
    else if (type === 'scoped-routes') this.#scope(message);
    else if (type === 'endpoints') this.#assignments.set(this.#names.relative(written), { message, index });
    else {
      const need = type === 'clusters' ? this.#edsCluster(name, written, message) : undefined;
      const encoded = encodeResource(type, name, message, [this.#ref], this.#context);
      if (encoded === undefined) return;
      this.#resources.push(encoded);
      if (type === 'routes') this.#tables.set(this.#names.relative(written), message);
      if (need !== undefined) this.#endpoints.push(need);
    }
  }

  /** With its table inside. */
  #scope(message: JsonRecord): void {
    const { route_configuration_name: wanted, ...scope } = message;
    if (typeof wanted !== 'string' || wanted === '') {
      this.#scopes.push(scope);
      return;
    }
    const table = this.#tables.get(this.#names.relative(wanted));
    if (table !== undefined)
      this.#scopes.push({
        ...scope,
        route_configuration: { ...table, validate_clusters: table.validate_clusters ?? false },
      });
    else
      this.#context.error(
        'RouteConfigurationNotFound',
        `is ${JSON.stringify(wanted)}, and this object has no such RouteConfiguration that is in order`,
        'define it in this object',
        ['route_configuration_name'],
      );
  }

  #listener(name: string, message: JsonRecord, index: number): void {
    const chains = Array.isArray(message.filter_chains) ? message.filter_chains : [];
    const transport = message.udp_listener_config === undefined ? 'tcp' : 'udp';
    if (chains.length === 0 && message.default_filter_chain === undefined && transport === 'tcp') {
      this.#context.error('NoFilterChain', 'has no filter_chains', 'give it a chain with at least one filter');
      return;
    }
    for (const [i, chain] of chains.entries())
      if (isObject(chain) && !(Array.isArray(chain.filters) && chain.filters.length > 0))
        this.#context.warning('NoFilter', 'has no filters: its connections are closed at once', undefined, [
          'filter_chains',
          i,
        ]);
    const binds = listenerAddresses(message);
    // The rules are checked with an address in place, whichever it will be.
    const probe = binds === 'auto' ? { ...message, address: { pipe: { path: '@' } } } : message;
    if (encodeResource('listeners', name, probe, [], this.#context) === undefined) return;
    this.#listeners.push({ name, index, message, binds, transport });
  }

  /** A cluster that finds its endpoints by our EDS; each has a set of its own, which xDS needs to warm it by itself. */
  #edsCluster(name: string, written: string, message: JsonRecord): EndpointNeed | undefined {
    if (message.type !== 'EDS' && message.type !== 3) return undefined;
    const config = isObject(message.eds_cluster_config) ? message.eds_cluster_config : {};
    config.eds_config ??= ads();
    message.eds_cluster_config = config;
    if (!isAds(config.eds_config)) return undefined;
    const wanted =
      typeof config.service_name === 'string' && config.service_name !== '' ? config.service_name : written;
    config.service_name = name;
    const target = this.#names.has('endpoints', wanted) ? undefined : serviceTarget(this.#names.relative(wanted));
    if (target === undefined && !this.#names.has('endpoints', wanted))
      this.#context.warning(
        'EndpointsNotFound',
        `finds its endpoints by ${JSON.stringify(wanted)}, which is neither a Service nor a ClusterLoadAssignment here`,
        'name it namespace/service or namespace/service:port, or define a ClusterLoadAssignment of that name',
      );
    if (target === undefined) {
      this.#assigned.set(name, this.#names.relative(wanted));
      return { cluster: name, service: undefined, ports: [], origin: this.#ref, field: this.#context.path() };
    }
    return {
      cluster: name,
      service: target.service,
      ports: this.#portsOf(target),
      origin: this.#ref,
      field: this.#context.path(),
    };
  }

  #portsOf(target: ServiceTarget): readonly string[] {
    if (target.port !== undefined) return [target.port];
    const listed = this.#backendServices.get(target.service) ?? [];
    // One entry without numbers means all ports, whatever the others say.
    return listed.every((entry) => entry.number.length > 0) ? listed.flatMap((entry) => entry.number) : [];
  }
  /** The object's own ClusterLoadAssignment, once for each cluster that wants it. */
  #assignment(need: EndpointNeed): void {
    const own = this.#assignments.get(this.#assigned.get(need.cluster) ?? '');
    if (own === undefined) return;
    this.#below(own.index, () => {
      const message = { ...own.message, cluster_name: need.cluster };
      const encoded = encodeResource('endpoints', need.cluster, message, [this.#ref], this.#context);
      if (encoded === undefined) return;
      this.#resources.push(encoded);
      this.#served.add(need.cluster);
    });
  }

  #listenerFor(wanted: string | undefined): string | undefined {
    const first = this.#object.spec.resources.find((resource) => resourceTypeOf(resource) === 'listeners');
    const written = wanted ?? (first === undefined ? undefined : nameOf('listeners', first));
    if (written !== undefined && this.#names.has('listeners', written)) return this.#names.qualified(written);
    const near = wanted === undefined || this.#context.full ? undefined : closest(wanted, this.#names.all('listeners'));
    const known = this.#names.all('listeners').join(', ');
    this.#context.error(
      'ListenerNotFound',
      wanted === undefined ? 'needs a Listener among the resources' : `is ${JSON.stringify(wanted)}`,
      near !== undefined
        ? `did you mean ${near}?`
        : known === ''
          ? 'define a Listener'
          : `the listeners here are ${known}`,
      wanted === undefined ? [] : ['listener'],
    );
    return undefined;
  }
}
