import { isObject } from '../../lib/is-object.ts';
import type { CiliumEnvoyConfigSpec, JsonObject } from '../cilium.ts';
import {
  type Context,
  DNS_LABEL,
  defaulted,
  integer,
  list,
  object,
  optional,
  required,
  type Schema,
  skipped,
  string,
  wrongType,
} from '../schema/index.ts';
import { labelSelector } from './selector.ts';

const namespace = optional(string({ max: 63, format: DNS_LABEL }));
const serviceName = required(string({ min: 1, max: 63, format: DNS_LABEL }));

/** What Envoy makes of it is checked where it is translated; here it only has to say what it is. */
const resource: Schema<JsonObject> = (value, context) => {
  if (!isObject(value)) return wrongType(value, 'an object', context);
  const type = value['@type'];
  if (type === undefined)
    context.error('MissingField', 'is missing', 'name the Envoy type: type.googleapis.com/envoy.config...', ['@type']);
  else if (typeof type !== 'string') context.error('WrongType', 'is not a string', undefined, ['@type']);
  return value as JsonObject;
};

const spec = object({
  services: defaulted(
    list(
      object({
        name: serviceName,
        namespace,
        listener: optional(string()),
        ports: defaulted(list(integer(1, 65535)), []),
      }),
    ),
    [],
  ),
  backendServices: defaulted(
    list(object({ name: serviceName, namespace, number: defaulted(list(string({ min: 1 })), []) })),
    [],
  ),
  resources: defaulted(list(resource), []),
  nodeSelector: optional(labelSelector),
});

export const envoyConfigBody = object({ spec: required(spec), status: skipped });

type Spec = ReturnType<typeof spec>;

/**
 * Fills in namespaces. In a CiliumEnvoyConfig `services` are always of its own namespace, as in Cilium: nobody may take
 * over another namespace's traffic.
 */
export function qualify(spec: Spec, own: string | undefined, context: Context): CiliumEnvoyConfigSpec {
  const { services, backendServices, ...rest } = spec;
  return {
    ...rest,
    services: services.map(({ namespace, listener, ...service }, i) => {
      if (own !== undefined && namespace && namespace !== own)
        context.warning(
          'NamespaceIgnored',
          `is ${namespace}, but a CiliumEnvoyConfig redirects Services of its own namespace ${own} only`,
          'remove it, or use a CiliumClusterwideEnvoyConfig',
          ['spec', 'services', i, 'namespace'],
        );
      return {
        ...service,
        ...(listener ? { listener } : {}),
        namespace: own ?? (namespace || 'default'),
      };
    }),
    backendServices: backendServices.map(({ namespace, ...service }) => ({
      ...service,
      namespace: namespace || own || 'default',
    })),
  };
}
