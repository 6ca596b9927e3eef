import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { Context } from '../../api/schema/index.ts';
import { isObject } from '../../lib/is-object.ts';
import { checkRegex } from '../../lib/regex.ts';
import { envoyTypes } from './descriptors.ts';
import type { JsonRecord, Visit } from './protojson.ts';
import { ciliumXds, qualifyClusters, type References, warnAt } from './references.ts';
import { qualifySecret } from './secrets.ts';

/** What a visit knows beside the message. */
interface Site {
  readonly context: Context;
  readonly references: References;
  /** Absent for a clusterwide object. */
  readonly namespace: string | undefined;
  /** The object's own ScopedRouteConfigurations, checked. */
  readonly scopes: readonly JsonRecord[];
}

type Completion = (message: JsonRecord, site: Site, field: DescField | undefined) => void;

const hcm = 'envoy.extensions.filters.network.http_connection_manager.v3';
const router = 'envoy.extensions.filters.http.router.v3.Router';

/** What we add to a message, by its type: what users leave to the control plane, and names that have to be Envoy's. */
const completions: Readonly<Record<string, Completion>> = {
  [`${hcm}.HttpConnectionManager`]: (message, site) => {
    addRouter(message);
    inlineScopes(message, site);
    // Inline tables check their clusters by default, and one that is missing would cost the whole listener.
    if (isObject(message.route_config)) message.route_config.validate_clusters ??= false;
  },
  [`${hcm}.Rds`]: (message, { references, context }) => {
    message.config_source ??= ads();
    message.route_config_name = references.route(text(message.route_config_name), warnAt(context, 'route_config_name'));
  },
  'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig': (message, site, field) => {
    message.sds_config ??= ads();
    if (!isAds(message.sds_config)) return;
    const holder = field?.name ?? '';
    const use = /^tls_certificate/.test(holder)
      ? 'certificate'
      : /^validation_context/.test(holder)
        ? 'trust'
        : 'generic';
    const { context } = site;
    const warn = warnAt(context, 'name');
    message.name = qualifySecret(
      site.references,
      text(message.name),
      use,
      context.path(['name']),
      site.namespace,
      warn,
    );
  },
  'envoy.config.core.v3.ExtensionConfigSource': (message) => {
    message.config_source ??= ads();
  },
  'envoy.config.core.v3.ConfigSource': (message) => {
    const own = isObject(message.api_config_source) ? message.api_config_source.cluster_names : undefined;
    if (Array.isArray(own) && own.includes(ciliumXds)) delete message.api_config_source;
    if (!sources.some((source) => message[source] !== undefined)) message.ads = {};
    message.resource_api_version ??= 'V3';
  },
  'envoy.type.matcher.v3.RegexMatcher': (message, { context }) => {
    const problem = checkRegex(text(message.regex));
    if (problem !== undefined)
      context.error(
        'InvalidRegex',
        `is not a regular expression: ${problem}`,
        'Envoy takes RE2: no look-around, no back-references',
        ['regex'],
      );
  },
};

const sources = ['path', 'path_config_source', 'api_config_source', 'ads', 'self'];

/** The visitor that completes messages and qualifies names, for `ProtoJson`. */
export function completing(site: Site): Visit {
  return (desc, message, field) => {
    qualifyClusters(desc, message, site.references, site.context);
    if ('config_discovery' in message) qualifyExtension(message, site);
    else if (desc.fields.some((candidate) => candidate.name === 'typed_config')) defaultConfig(desc, message, site);
    if (isObject(message.typed_per_filter_config)) qualifyFilterKeys(message, message.typed_per_filter_config, site);
    if (message.cluster_header !== undefined && message.cluster_header !== '')
      site.context.warning(
        'UnqualifiedCluster',
        `takes the cluster's name from a request: the names in Envoy start with ${site.references.names.prefix}`,
        'route to clusters by name',
        ['cluster_header'],
      );
    if (Object.hasOwn(completions, desc.typeName)) completions[desc.typeName]?.(message, site, field);
  };
}

export function ads(): JsonRecord {
  return { ads: {}, resource_api_version: 'V3' };
}
export function isAds(source: unknown): boolean {
  return isObject(source) && (source.ads !== undefined || source.self !== undefined);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function addRouter(message: JsonRecord): void {
  const filters = Array.isArray(message.http_filters) ? (message.http_filters as JsonRecord[]) : [];
  const isRouter = (filter: JsonRecord) =>
    filter.name === 'envoy.filters.http.router' ||
    (isObject(filter.typed_config) && filter.typed_config['@type'] === `type.googleapis.com/${router}`);
  // A last filter that comes by ECDS may well be one that ends the chain.
  if (filters.some(isRouter) || filters.at(-1)?.config_discovery !== undefined) return;
  const config = { '@type': `type.googleapis.com/${router}` };
  message.http_filters = [...filters, { name: 'envoy.filters.http.router', typed_config: config }];
}

/**
 * SRDS has one set of scopes for the whole Envoy, in which the keys of two objects would clash: scopes of an object are put
 * into its connection managers instead, with their tables, as Envoy takes no RDS there.
 */
function inlineScopes(message: JsonRecord, { scopes, context }: Site): void {
  const scoped = message.scoped_routes;
  if (!isObject(scoped)) return;
  scoped.rds_config_source ??= ads();
  if (!isObject(scoped.scoped_rds)) return;
  delete scoped.scoped_rds;
  if (scopes.length === 0)
    context.error('ScopedRouteConfigurationNotFound', 'needs a ScopedRouteConfiguration in this object', undefined, [
      'scoped_routes',
    ]);
  scoped.scoped_route_configurations_list = { scoped_route_configurations: scopes };
}

/** ECDS asks for a filter's configuration by the filter's own name. */
function qualifyExtension(message: JsonRecord, { references, context }: Site): void {
  const { names } = references;
  const name = text(message.name);
  const source = isObject(message.config_discovery) ? message.config_discovery.config_source : undefined;
  if (!isAds(source)) return;
  if (!names.has('extensions', name))
    context.warning(
      'ExtensionNotFound',
      `is ${JSON.stringify(name)}, and this object has no TypedExtensionConfig of that name`,
      'define it in this object',
      ['name'],
    );
  message.name = names.qualified(name);
}

/** Per-route configuration is keyed by the filter's name, which `qualifyExtension` changes. */
function qualifyFilterKeys(message: JsonRecord, configs: Record<string, unknown>, { references }: Site): void {
  const { names } = references;
  message.typed_per_filter_config = Object.fromEntries(
    Object.entries(configs).map(([key, value]) => [names.has('extensions', key) ? names.qualified(key) : key, value]),
  );
}

/** Where the configurations of filters by their well-known names are: `envoy.filters.http.router`. */
const families: Readonly<Record<string, string>> = {
  'envoy.filters.http.': 'envoy.extensions.filters.http.',
  'envoy.filters.network.': 'envoy.extensions.filters.network.',
  'envoy.filters.listener.': 'envoy.extensions.filters.listener.',
  'envoy.transport_sockets.': 'envoy.extensions.transport_sockets.',
};
const configurable = new Set([
  'envoy.config.listener.v3.Filter',
  'envoy.config.listener.v3.ListenerFilter',
  'envoy.config.core.v3.TransportSocket',
  `${hcm}.HttpFilter`,
]);

/** A known name without a configuration gets its type's defaults: Envoy no longer looks filters up by name. */
function defaultConfig(desc: DescMessage, message: JsonRecord, { context }: Site): void {
  if (!configurable.has(desc.typeName) || message.typed_config !== undefined) return;
  const name = text(message.name);
  const family = Object.keys(families).find((prefix) => name.startsWith(prefix));
  const type = family === undefined ? undefined : defaultType(`${families[family]}${name.slice(family.length)}.v3`);
  if (type !== undefined) message.typed_config = { '@type': `type.googleapis.com/${type}` };
  else
    context.error('MissingField', `is missing, and ${JSON.stringify(name)} has no default`, 'give it an @type', [
      'typed_config',
    ]);
}

/** The message of a package that is called as the package is: `...http.grpc_web.v3` has `GrpcWeb`. */
function defaultType(pack: string): string | undefined {
  const last = pack.slice(0, -'.v3'.length).split('.').at(-1) ?? '';
  const name = `${pack}.${last.replace(/(^|_)([a-z])/g, (_match, _start, letter: string) => letter.toUpperCase())}`;
  return envoyTypes().getMessage(name)?.typeName;
}
