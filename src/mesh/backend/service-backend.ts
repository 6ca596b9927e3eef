import type { Service, ServicePort } from '../../api/index.ts';
import { objectKey, refOf } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Backend, BackendProtocol, UpstreamTls } from '../model/index.ts';

/** What a reference to a Service port came to. */
export type ServicePortResult =
  | { readonly ok: true; readonly service: Service; readonly port: ServicePort }
  | {
      readonly ok: false;
      readonly reason: 'ServiceNotFound' | 'PortNotFound';
      readonly message: string;
      readonly hint: string;
    };

/** Finds a Service and its port, by number or by name, as Ingress and Gateway API refer to them. */
export function resolveServicePort(
  fetch: Fetch,
  tables: Tables,
  namespace: string,
  name: string,
  port: number | string,
): ServicePortResult {
  const service = fetch.get(tables.Service, `${namespace}/${name}`);
  if (service === undefined) {
    return {
      ok: false,
      reason: 'ServiceNotFound',
      message: `Service ${namespace}/${name} does not exist`,
      hint: `create it, or refer to a Service that is in namespace ${namespace}`,
    };
  }
  const found = service.spec.ports.find((candidate) =>
    typeof port === 'number' ? candidate.port === port : candidate.name === port,
  );
  if (found !== undefined) return { ok: true, service, port: found };
  if (service.spec.type === 'ExternalName' && typeof port === 'number') {
    // An ExternalName Service needs no ports: the port referred to is the one dialled.
    return { ok: true, service, port: { name: '', port, targetPort: port, protocol: 'TCP' } };
  }
  const ports = service.spec.ports.map((p) => (p.name === '' ? `${p.port}` : `${p.port} (${p.name})`)).join(', ');
  return {
    ok: false,
    reason: 'PortNotFound',
    message: `Service ${namespace}/${name} has no port ${typeof port === 'number' ? port : `named "${port}"`}`,
    hint: ports === '' ? 'it has no ports at all' : `its ports are ${ports}`,
  };
}

export interface BackendVariant {
  /** Instead of what the port's `appProtocol` says. */
  readonly protocol?: BackendProtocol;
  /** TLS to the backend, with a short text that tells it from other ways of talking TLS to the same port. */
  readonly tls?: { readonly settings: UpstreamTls; readonly label: string };
  /** For routes that say how requests are tried again. */
  readonly ownRetries?: boolean;
}

/**
 * The backend for a Service port. One name for each way of talking to it: routes that agree share a cluster, so that
 * health, connection pools and circuit breakers are those of the Service and not of a route.
 */
export function serviceBackend(service: Service, port: ServicePort, variant: BackendVariant = {}): Backend {
  if (variant.tls !== undefined) return newBackend(service, port, variant);
  let known = plainBackends.get(service);
  if (known === undefined) {
    known = new Map();
    plainBackends.set(service, known);
  }
  const key = `${port.port} ${port.protocol} ${port.appProtocol ?? ''} ${variant.protocol ?? ''} ${variant.ownRetries ?? false}`;
  let backend = known.get(key);
  if (backend === undefined) {
    backend = newBackend(service, port, variant);
    known.set(key, backend);
  }
  return backend;
}

/** One object for all routes to a Service port: they are many, and it says nothing of them. */
const plainBackends = new WeakMap<Service, Map<string, Backend>>();

function newBackend(service: Service, port: ServicePort, variant: BackendVariant): Backend {
  const byApp = appProtocol(port.appProtocol);
  const protocol = variant.protocol ?? (port.protocol === 'UDP' ? 'udp' : byApp.protocol);
  // Where bytes are passed on, the client's own TLS reaches the port that says `https`: none is added.
  const byAppTls = byApp.tls && protocol !== 'tcp' && protocol !== 'udp';
  const tls: UpstreamTls | undefined =
    variant.tls?.settings ?? (byAppTls ? { sni: service.spec.externalName ?? '' } : undefined);
  const suffix = [
    ...(protocol === 'http' ? [] : [protocol]),
    ...(tls === undefined ? [] : [variant.tls === undefined ? 'tls' : `tls-${variant.tls.label}`]),
    ...(variant.ownRetries ? ['retries'] : []),
  ];
  const key = objectKey(service);
  const external = service.spec.type === 'ExternalName' && service.spec.externalName !== undefined;
  return {
    name: `${key}:${port.port}${suffix.length === 0 ? '' : `+${suffix.join('+')}`}`,
    discovery: external
      ? { type: 'dns', hostname: service.spec.externalName ?? '', port: port.port }
      : { type: 'endpoints', targets: [{ service: key, port: port.port, weight: 1 }] },
    protocol,
    ...(tls === undefined ? {} : { tls }),
    ...(service.spec.sessionAffinity === 'ClientIP' ? { clientAffinity: true } : {}),
    ...(variant.ownRetries ? { ownRetries: true } : {}),
    origins: [refOf(service)],
  };
}

/** KEP-3726 standard values, and the plain ones that users write. */
function appProtocol(value: string | undefined): { protocol: BackendProtocol; tls: boolean } {
  switch (value?.toLowerCase()) {
    case 'kubernetes.io/h2c':
    case 'h2c':
    case 'http2':
    case 'grpc':
      return { protocol: 'http2', tls: false };
    case 'kubernetes.io/wss':
    case 'wss':
      return { protocol: 'http', tls: true };
    case 'https':
      return { protocol: 'auto', tls: true };
    case 'grpcs':
    case 'grpc-tls':
      return { protocol: 'http2', tls: true };
    default:
      return { protocol: 'http', tls: false };
  }
}
