import { GATEWAY_GROUP, type Listener } from '../gateway.ts';
import type { ExtensionRefFilter, ExternalAuthFilter } from '../route-filter.ts';
import {
  CONTROLLER_NAME,
  check,
  defaulted,
  HOSTNAME_OR_WILDCARD,
  IP_ADDRESS,
  LABEL_VALUE,
  list,
  map,
  object,
  oneOf,
  optional,
  pattern,
  QUALIFIED_KEY,
  record,
  required,
  type Schema,
  show,
  skipped,
  string,
} from '../schema/index.ts';
import {
  group,
  kind,
  localReference,
  namespacedReference,
  objectName,
  parentReference,
  port,
  secretReference,
  sectionName,
} from './reference.ts';
import { hostname } from './route.ts';
import { externalAuth, filterUnion } from './route-filter.ts';
import { labelSelector } from './selector.ts';

export const gatewayClassBody = object({
  spec: required(
    object({
      controllerName: required(string({ min: 1, max: 253, format: CONTROLLER_NAME })),
      parametersRef: optional(namespacedReference),
      description: optional(string({ max: 64 })),
    }),
  ),
  status: skipped,
});

const key = string({ format: QUALIFIED_KEY });
const tlsOptions = defaulted(record(string({ max: 4096 }), { max: 16, key }), {});

const listenerTls = check(
  object({
    mode: defaulted(oneOf('Terminate', 'Passthrough'), 'Terminate'),
    certificateRefs: defaulted(list(secretReference, { max: 64 }), []),
    options: tlsOptions,
  }),
  ({ mode, certificateRefs, options }, context) => {
    if (mode === 'Terminate' && certificateRefs.length === 0 && Object.keys(options).length === 0)
      context.error('MissingField', 'has no certificateRefs', 'name a Secret of type kubernetes.io/tls', [
        'certificateRefs',
      ]);
  },
);

const SAME = { namespaces: { from: 'Same' }, kinds: [] } as const;

const allowedRoutes = object({
  namespaces: defaulted(
    object({ from: defaulted(oneOf('All', 'Selector', 'Same'), 'Same'), selector: optional(labelSelector) }),
    SAME.namespaces,
  ),
  kinds: defaulted(list(object({ group: defaulted(group, GATEWAY_GROUP), kind: required(kind) }), { max: 8 }), []),
});

const PROTOCOL = pattern(
  'HTTP, HTTPS, TLS, TCP, UDP, or a domain-prefixed protocol such as example.com/bar',
  '[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?|[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\\/[A-Za-z0-9]+',
);

const filters = map(
  object({
    requests: defaulted(
      list(
        filterUnion<ExternalAuthFilter | ExtensionRefFilter>(['ExternalAuth', 'ExtensionRef'], {
          externalAuth: optional(externalAuth),
          extensionRef: optional(localReference),
        }),
        { max: 16 },
      ),
      [],
    ),
  }),
  ({ requests }) => requests,
);

const listener: Schema<Listener> = check(
  object({
    name: required(sectionName),
    hostname: optional(hostname),
    port: required(port),
    protocol: required(string({ min: 1, max: 255, format: PROTOCOL })),
    tls: optional(listenerTls),
    allowedRoutes: defaulted(allowedRoutes, SAME),
    filters: defaulted(filters, []),
  }),
  ({ protocol, tls, hostname, filters }, context) => {
    if (tls !== undefined && (protocol === 'HTTP' || protocol === 'TCP' || protocol === 'UDP'))
      context.error('InvalidValue', `does not belong to protocol ${protocol}`, 'remove it, or use HTTPS or TLS', [
        'tls',
      ]);
    if (protocol === 'HTTPS' && tls?.mode === 'Passthrough')
      context.error('InvalidValue', 'is Passthrough', 'protocol HTTPS terminates TLS: use Terminate, or protocol TLS', [
        'tls',
        'mode',
      ]);
    if (protocol === 'TLS' && tls === undefined)
      context.error('MissingField', 'is missing', 'protocol TLS needs it', ['tls']);
    if (hostname !== undefined && (protocol === 'TCP' || protocol === 'UDP'))
      context.error('InvalidValue', `does not belong to protocol ${protocol}`, 'remove it', ['hostname']);
    if (filters.length > 0 && protocol !== 'HTTP' && protocol !== 'HTTPS')
      context.error('InvalidValue', `do not belong to protocol ${protocol}`, 'remove them', ['filters']);
  },
);

const listeners = check(
  list(listener, { min: 1, max: 64, unique: { what: 'name', key: ({ name }) => name } }),
  (all, context) => {
    const seen = new Map<string, string>();
    all.forEach(({ name, port, protocol, hostname }, i) => {
      const id = `${port}/${protocol}/${hostname ?? ''}`;
      const first = seen.get(id);
      if (first === undefined) seen.set(id, name);
      else
        context.error(
          'DuplicateValue',
          `has the port, protocol and hostname of listener ${first}`,
          'change one of the three',
          [i],
        );
    });
  },
);

const ROUTABILITY = pattern('Cluster or a domain-prefixed value', `(?:Cluster|[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\\/.+)?`);

const address = check(
  object({
    type: defaulted(string({ min: 1, max: 253 }), 'IPAddress'),
    value: optional(string({ max: 253 })),
    routability: optional(string({ max: 253, format: ROUTABILITY })),
  }),
  ({ type, value }, context) => {
    const format = type === 'IPAddress' ? IP_ADDRESS : type === 'Hostname' ? HOSTNAME_OR_WILDCARD : undefined;
    if (value && format !== undefined && !format.test(value))
      context.error('InvalidValue', `is ${show(value)}`, `with type ${type} it must be ${format.is}`, ['value']);
    if (!['IPAddress', 'Hostname', 'NamedAddress'].includes(type) && !CONTROLLER_NAME.test(type))
      context.error(
        'InvalidValue',
        `is ${show(type)}`,
        'it must be IPAddress, Hostname, NamedAddress or a domain-prefixed type',
        ['type'],
      );
  },
);

const addresses = check(list(address, { max: 16 }), (all, context) => {
  const seen = new Set<string>();
  all.forEach(({ type, value }, i) => {
    if (!value || (type !== 'IPAddress' && type !== 'Hostname')) return;
    if (seen.has(`${type}/${value}`)) context.error('DuplicateValue', `repeats ${value}`, 'remove it', [i, 'value']);
    seen.add(`${type}/${value}`);
  });
});

const caCertificateRefs = check(list(namespacedReference, { min: 1, max: 16 }), (refs, context) => {
  refs.forEach(({ group, kind, namespace }, i) => {
    if (group === 'certificates.k8s.io' && kind === 'ClusterTrustBundle' && namespace !== undefined)
      context.error('InvalidValue', 'must not be set', 'a ClusterTrustBundle has no namespace', [i, 'namespace']);
  });
});

const frontend = object({
  validation: optional(
    object({
      caCertificateRefs: required(caCertificateRefs),
      mode: defaulted(oneOf('AllowValidOnly', 'AllowInsecureFallback'), 'AllowValidOnly'),
    }),
  ),
});

const gatewayTls = object({
  backend: optional(object({ clientCertificateRef: optional(secretReference) })),
  frontend: optional(
    object({
      default: required(frontend),
      perPort: defaulted(
        list(object({ port: required(port), tls: required(frontend) }), {
          max: 64,
          unique: { what: 'port', key: (each) => each.port },
        }),
        [],
      ),
    }),
  ),
});

const infrastructure = object({
  labels: defaulted(record(string({ max: 63, format: LABEL_VALUE }), { max: 8, key }), {}),
  annotations: defaulted(record(string({ max: 4096 }), { max: 16, key }), {}),
  parametersRef: optional(localReference),
});

const NONE = { from: 'None' } as const;

const allowedListeners = map(
  object({
    namespaces: defaulted(
      object({ from: defaulted(oneOf('All', 'Selector', 'Same', 'None'), 'None'), selector: optional(labelSelector) }),
      NONE,
    ),
  }),
  ({ namespaces }) => namespaces,
);

export const gatewayBody = object({
  spec: required(
    object({
      gatewayClassName: required(objectName),
      listeners: required(listeners),
      addresses: defaulted(addresses, []),
      infrastructure: optional(infrastructure),
      allowedListeners: defaulted(allowedListeners, NONE),
      tls: optional(gatewayTls),
      defaultScope: defaulted(oneOf('All', 'None'), 'None'),
    }),
  ),
  status: skipped,
});

const listenerSetParent = map(parentReference, ({ sectionName, port, ...parent }, context) => {
  for (const [name, value] of [
    ['sectionName', sectionName],
    ['port', port],
  ] as const)
    if (value !== undefined) context.unknownField(name, ['group', 'kind', 'namespace', 'name']);
  return parent;
});

export const listenerSetBody = object({
  spec: required(object({ parentRef: required(listenerSetParent), listeners: required(listeners) })),
  status: skipped,
});
