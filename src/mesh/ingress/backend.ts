import type { Diagnostic, IngressBackend } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import { resolveServicePort, serviceBackend } from '../backend/index.ts';
import type { Tables } from '../inputs.ts';
import type { Backend } from '../model/index.ts';

/** What an Ingress backend comes to; without a `backend`, requests for it are answered with 503. */
export interface ResolvedBackend {
  readonly backend?: Backend;
  /** Without the object that it is about. */
  readonly problem?: Diagnostic;
}

/**
 * @param field path of the backend in the Ingress
 * @param protocol `tcp` where the client's own TLS is passed on to the backend
 */
export function resolveBackend(
  fetch: Fetch,
  tables: Tables,
  namespace: string,
  { service, resource }: IngressBackend,
  field: string,
  protocol?: 'tcp',
): ResolvedBackend {
  if (service === undefined) {
    const message =
      resource === undefined
        ? 'the backend names no Service'
        : `backend ${resource.kind} ${namespace}/${resource.name} is not a Service, and no other kind is served`;
    return refused('UnsupportedBackend', message, 'refer to a Service, with service.name and service.port', field);
  }
  const found = resolveServicePort(fetch, tables, namespace, service.name, service.port);
  if (!found.ok) return refused(found.reason, found.message, found.hint, `${field}.service`);
  // One number may be there twice, for TCP and for UDP (DNS, HTTP/3): HTTP means the TCP one.
  const port =
    found.port.protocol === 'TCP'
      ? found.port
      : found.service.spec.ports.find((each) => each.port === found.port.port && each.protocol === 'TCP');
  if (port === undefined)
    return refused(
      'UnsupportedProtocol',
      `port ${found.port.port} of Service ${namespace}/${service.name} is ${found.port.protocol}`,
      'an Ingress needs a TCP port',
      `${field}.service.port`,
    );
  return { backend: serviceBackend(found.service, port, protocol === undefined ? {} : { protocol }) };
}

function refused(reason: string, message: string, hint: string, field: string): ResolvedBackend {
  return { problem: { severity: 'error', reason, message, hint, field } };
}
