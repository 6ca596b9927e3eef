import { isIP } from 'node:net';
import type { IngressBackend, IngressPath } from '../networking.ts';
import {
  CONTROLLER_NAME,
  type Context,
  check,
  DNS_LABEL,
  DNS_SUBDOMAIN,
  defaulted,
  HOSTNAME_OR_WILDCARD,
  integer,
  list,
  map,
  NOTHING,
  object,
  oneOf,
  optional,
  PORT_NAME,
  required,
  type Schema,
  show,
  string,
} from '../schema/index.ts';
import { loadBalancerStatus } from './core.ts';

const portNumber = integer(1, 65535);

const serviceBackendPort: Schema<number | string> = map(
  object({ name: optional(string({ format: PORT_NAME })), number: optional(portNumber) }),
  ({ name, number }, context) => {
    // `name: ''` and `number: 0` are the API's zero values: not set.
    const byName = name !== undefined && name !== '';
    if (byName === (number !== undefined)) {
      context.error('InvalidValue', byName ? 'has both name and number' : 'has neither name nor number', 'set one');
      return NOTHING;
    }
    return byName ? name : (number as number);
  },
);

const backend: Schema<IngressBackend> = map(
  object({
    service: optional(
      object({ name: required(string({ min: 1, max: 63, format: DNS_LABEL })), port: required(serviceBackendPort) }),
    ),
    resource: optional(
      map(
        object({
          apiGroup: optional(string()),
          kind: required(string({ min: 1 })),
          name: required(string({ min: 1 })),
        }),
        ({ apiGroup, kind, name }) => ({ group: apiGroup ?? '', kind, name }),
      ),
    ),
  }),
  ({ service, resource }, context) => {
    if ((service === undefined) === (resource === undefined))
      context.error(
        'InvalidValue',
        service === undefined ? 'has neither service nor resource' : 'has both service and resource',
        'set exactly one',
      );
    return service === undefined ? { resource: resource as NonNullable<typeof resource> } : { service };
  },
);

/** Sequences that no normalised URL path has; both Ingress and Gateway API refuse them in exact and prefix paths. */
export const FORBIDDEN_PATH_PARTS: readonly string[] = ['//', '/./', '/../', '%2f', '%2F'];
export const FORBIDDEN_PATH_ENDS: readonly string[] = ['/..', '/.'];

const path: Schema<IngressPath> = map(
  object({
    path: defaulted(string(), ''),
    pathType: required(oneOf('Exact', 'Prefix', 'ImplementationSpecific')),
    backend: required(backend),
  }),
  ({ path, pathType, backend }, context) => {
    checkPath(path, pathType, context);
    return { pathType, path: path === '' ? '/' : path, backend };
  },
);

function checkPath(path: string, type: IngressPath['pathType'], context: Context): void {
  const free = type === 'ImplementationSpecific';
  if (!path.startsWith('/')) {
    if (!free || path !== '')
      context.error('InvalidValue', `is ${show(path)}`, 'it must be an absolute path: begin with /', ['path']);
  } else if (!free) {
    const part = FORBIDDEN_PATH_PARTS.find((each) => path.includes(each));
    const end = FORBIDDEN_PATH_ENDS.find((each) => path.endsWith(each));
    if (part !== undefined) context.error('InvalidValue', `contains ${show(part)}`, 'remove it', ['path']);
    if (end !== undefined) context.error('InvalidValue', `ends with ${show(end)}`, 'remove it', ['path']);
  }
}

const host = check(string({ max: 253, format: HOSTNAME_OR_WILDCARD }), (name, context) => {
  if (isIP(name) !== 0) context.error('InvalidValue', `is the IP address ${name}`, 'a host must be a DNS name');
});

/** `host: ''` is the API's zero value: every host. */
const ruleHost: Schema<string | undefined> = (value, context) => (value === '' ? undefined : host(value, context));

const rule = map(
  object({
    host: optional(ruleHost),
    http: optional(object({ paths: required(list(path, { min: 1 })) })),
  }),
  ({ host, http }) => ({ ...(host === undefined ? {} : { host }), paths: http?.paths ?? [] }),
);

const tls = map(
  object({
    hosts: defaulted(list(host), []),
    secretName: optional(string({ max: 253 })),
  }),
  ({ hosts, secretName }, context) => {
    if (!secretName) return { hosts };
    if (!DNS_SUBDOMAIN.test(secretName))
      context.error('InvalidValue', `is ${show(secretName)}`, `it must be ${DNS_SUBDOMAIN.is}`, ['secretName']);
    return { hosts, secretName };
  },
);

export const ingressBody = object({
  spec: required(
    check(
      object({
        ingressClassName: optional(string({ min: 1, max: 253, format: DNS_SUBDOMAIN })),
        defaultBackend: optional(backend),
        tls: defaulted(list(tls), []),
        rules: defaulted(list(rule), []),
      }),
      ({ defaultBackend, rules }, context) => {
        if (defaultBackend === undefined && rules.length === 0)
          context.error('MissingField', 'has neither rules nor a defaultBackend', 'an Ingress needs at least one', [
            'rules',
          ]);
      },
    ),
  ),
  status: defaulted(loadBalancerStatus, { loadBalancer: [] }),
});

export const ingressClassBody = object({
  spec: required(
    object({
      controller: required(string({ min: 1, max: 250, format: CONTROLLER_NAME })),
      parameters: optional(
        map(
          object({
            apiGroup: optional(string()),
            kind: required(string({ min: 1 })),
            name: required(string({ min: 1 })),
            scope: defaulted(oneOf('Cluster', 'Namespace'), 'Cluster'),
            namespace: optional(string({ min: 1, max: 63, format: DNS_LABEL })),
          }),
          ({ apiGroup, ...rest }, context) => {
            if ((rest.scope === 'Namespace') !== (rest.namespace !== undefined))
              context.error(
                'InvalidValue',
                rest.scope === 'Namespace' ? 'is needed with scope Namespace' : 'must not be set with scope Cluster',
                undefined,
                ['namespace'],
              );
            return { group: apiGroup ?? '', ...rest };
          },
        ),
      ),
    }),
  ),
});
