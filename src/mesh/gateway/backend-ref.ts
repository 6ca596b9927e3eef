import type { BackendObjectReference, Gateway, Service, ServicePort } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import { resolveServicePort, serviceBackend } from '../backend/index.ts';
import type { BackendProtocol, SecretMaterial, UpstreamTls } from '../model/index.ts';
import { backendTls, gatewayClientCertificate } from './backend-tls.ts';
import type { BackendResolution, GatewayContext, Referrer } from './contract.ts';
import { isGranted } from './reference-grants.ts';

export interface BackendWish {
  /** What is spoken to the backend; default: what the port's `appProtocol` says, over HTTP. */
  readonly protocol?: BackendProtocol;
  /** Its client certificate is shown to TLS backends. */
  readonly gateway?: Gateway;
  /** The client's own TLS reaches the backend: none is added, whatever a BackendTLSPolicy says. */
  readonly passthrough?: boolean;
  /** The rule says how requests are tried again. */
  readonly ownRetries?: boolean;
}

/**
 * The backend that a reference comes to, or why there is none. Checked in the order kind, permission, existence, so that a
 * reference into a namespace that grants nothing does not tell what exists there.
 */
export function resolveBackendRef(
  fetch: Fetch,
  context: GatewayContext,
  from: Referrer,
  ref: BackendObjectReference,
  want: BackendWish = {},
): BackendResolution {
  const namespace = ref.namespace ?? from.namespace;
  if (ref.group !== '' || ref.kind !== 'Service')
    return refuse(
      'InvalidKind',
      `backend ${ref.name} is of kind ${ref.group === '' ? ref.kind : `${ref.group}/${ref.kind}`}`,
      'refer to a Service of the core group',
    );
  if (!isGranted(fetch, context, from, { group: '', kind: 'Service', namespace, name: ref.name }))
    return refuse(
      'RefNotPermitted',
      `Service ${namespace}/${ref.name} may not be referred to from namespace ${from.namespace}`,
      `create a ReferenceGrant in namespace ${namespace} from ${from.kind} in ${from.namespace} to Service`,
    );
  if (ref.port === undefined)
    return refuse('BackendNotFound', `backend ${ref.name} has no port`, 'set port to one of the Service');
  const found = resolveServicePort(fetch, context.tables, namespace, ref.name, ref.port);
  if (!found.ok) return refuse('BackendNotFound', found.message, found.hint);
  const { service } = found;
  const port = portFor(service, found.port, want);
  const unsupported = protocolProblem(service, port, want);
  if (unsupported !== undefined) return unsupported;
  return withTls(fetch, context, service, port, want);
}

/** One port number may be there twice, for TCP and for UDP (DNS): the route's kind decides. */
function portFor(service: Service, found: ServicePort, want: BackendWish): ServicePort {
  const transport = want.protocol === 'udp' ? 'UDP' : 'TCP';
  if (found.protocol === transport) return found;
  return service.spec.ports.find((port) => port.port === found.port && port.protocol === transport) ?? found;
}

/** Registered or common names of protocols in which a request with a path cannot be sent. */
const notHttp = /^(amqps?|dns|kafka|ldaps?|mongo|mongodb|mqtts?|mysql|postgres|postgresql|redis|smtps?|ssh)$/;
const kubernetesProtocols = ['kubernetes.io/h2c', 'kubernetes.io/ws', 'kubernetes.io/wss'];

/** GEP-1911: a backend that cannot be sent the route's protocol is invalid. */
function protocolProblem(service: Service, port: ServicePort, want: BackendWish): BackendResolution | undefined {
  const name = `port ${port.port} of Service ${service.metadata.namespace}/${service.metadata.name}`;
  const transport = want.protocol === 'udp' ? 'UDP' : 'TCP';
  if (port.protocol !== transport)
    return refuse('UnsupportedProtocol', `${name} is ${port.protocol}`, `refer to a ${transport} port`);
  if (want.protocol === 'udp' || want.protocol === 'tcp' || port.appProtocol === undefined) return undefined;
  const app = port.appProtocol.toLowerCase();
  if (app.startsWith('kubernetes.io/') && !kubernetesProtocols.includes(app))
    return refuse('UnsupportedProtocol', `${name} has appProtocol ${app}`, `use ${kubernetesProtocols.join(', ')}`);
  if (notHttp.test(app) || (want.protocol === 'http2' && /^kubernetes\.io\/wss?$/.test(app)))
    return refuse(
      'UnsupportedProtocol',
      `${name} has appProtocol ${app}`,
      `refer to a port that speaks ${want.protocol === 'http2' ? 'gRPC' : 'HTTP'}`,
    );
  return undefined;
}

function withTls(
  fetch: Fetch,
  context: GatewayContext,
  service: Service,
  port: ServicePort,
  want: BackendWish,
): BackendResolution {
  const how = {
    ...(want.protocol === undefined ? {} : { protocol: want.protocol }),
    ...(want.ownRetries ? { ownRetries: true } : {}),
  };
  const key = `${service.metadata.namespace}/${service.metadata.name}`;
  const policies = want.passthrough || want.protocol === 'udp' ? [] : fetch.by(context.tlsPoliciesByService, key);
  const target = policies.length === 0 ? {} : { tlsPolicyTarget: `${key}/${port.name}` };
  const tls = policies.length === 0 ? undefined : backendTls(fetch, context, policies, service, port);
  if (tls?.type === 'broken')
    return {
      ...refuse('InvalidBackendTLSPolicy', tls.message, 'requests fail until the policy is valid, never in plain text'),
      ...target,
    };
  const plain = serviceBackend(service, port, how);
  const settings: UpstreamTls | undefined = tls?.type === 'tls' ? tls.settings : plain.tls;
  if (settings === undefined) return { ok: true, backend: plain, secrets: [], ...target };
  const client = want.gateway === undefined ? undefined : gatewayClientCertificate(fetch, context, want.gateway);
  if (client?.type === 'invalid')
    return { ...refuse('InvalidClientCertificateRef', client.message, client.hint), ...target };
  const secrets: SecretMaterial[] = tls?.type === 'tls' ? [...tls.secrets] : [];
  if (client?.type === 'certificate') secrets.push(client.secret);
  else if (tls?.type !== 'tls') return { ok: true, backend: plain, secrets, ...target };
  // Each way of talking TLS to a port is a cluster of its own, told apart by what decides it.
  const label = [
    ...(tls?.type === 'tls' ? [tls.label] : []),
    ...(client?.type === 'certificate' ? [`as-${client.secret.name}`] : []),
  ].join('+');
  const all = client?.type === 'certificate' ? { ...settings, clientCertificate: client.secret.name } : settings;
  const backend = serviceBackend(service, port, { ...how, tls: { settings: all, label } });
  return { ok: true, backend, secrets, ...target };
}

function refuse(reason: string, message: string, hint: string): Extract<BackendResolution, { ok: false }> {
  return { ok: false, reason, message, hint };
}
