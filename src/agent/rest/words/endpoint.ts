import type {
  AddressPair,
  Endpoint,
  EndpointConfigurationSpec,
  EndpointHealth,
  EndpointHealthStatus,
  EndpointState,
  EndpointStatusChange,
  LabelConfigurationStatus,
} from '../models/endpoint.ts';
import type { NodeAddressing } from '../models/node.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { EndpointLogEntry, EndpointView } from '../view/endpoint-view.ts';
import type { IdentityView } from '../view/state-view.ts';
import { hostAddressing } from './addressing.ts';
import { endpointPolicy } from './endpoint-policy.ts';
import { identityModel } from './identity.ts';

export interface EndpointSurroundings {
  readonly hostAddressing: NodeAddressing;
  readonly identity: (id: number) => IdentityView | undefined;
}

export function surroundingsOf(view: DatapathView): EndpointSurroundings {
  return { hostAddressing: hostAddressing(view), identity: (id) => view.identity(id) };
}

/** How many of the last entries of its log come with an endpoint. */
const logEntries = 10;

export function endpointModel(endpoint: EndpointView, around: EndpointSurroundings): Endpoint {
  const { identity } = around;
  const { pod } = endpoint;
  const own = endpoint.identity === undefined ? undefined : identity(endpoint.identity);
  const config = endpointConfiguration(endpoint);
  const inForce = endpointPolicy(endpoint, (id) => identity(id)?.labels ?? []);
  return {
    id: endpoint.id,
    spec: config,
    status: {
      state: endpointState(endpoint.state),
      'external-identifiers': {
        ...(endpoint.containerId === undefined ? {} : { 'container-id': endpoint.containerId }),
        ...(endpoint.containerName === undefined ? {} : { 'container-name': endpoint.containerName }),
        ...(endpoint.dockerEndpointId === undefined ? {} : { 'docker-endpoint-id': endpoint.dockerEndpointId }),
        ...(endpoint.dockerNetworkId === undefined ? {} : { 'docker-network-id': endpoint.dockerNetworkId }),
        ...(pod === undefined
          ? {}
          : { 'pod-name': `${pod.namespace}/${pod.name}`, 'k8s-pod-name': pod.name, 'k8s-namespace': pod.namespace }),
      },
      ...(endpoint.identity === undefined
        ? {}
        : { identity: identityModel(own ?? { id: endpoint.identity, labels: endpoint.labels }) }),
      labels: endpointLabels(endpoint),
      realized: config,
      networking: {
        addressing: addresses(endpoint),
        'host-addressing': around.hostAddressing,
        ...(endpoint.hostMac === undefined ? {} : { 'host-mac': endpoint.hostMac }),
        ...(endpoint.mac === undefined ? {} : { mac: endpoint.mac }),
        ...(endpoint.hostInterface === undefined
          ? {}
          : {
              'interface-name': endpoint.hostInterface.name,
              'interface-index': endpoint.hostInterface.index,
            }),
      },
      policy: { spec: inForce, realized: inForce },
      log: endpoint.log.slice(-logEntries).map(statusChange),
      health: endpointHealth(endpoint),
      namedPorts: endpoint.namedPorts.flatMap(({ name, port, protocol }) =>
        // SCTP is none of the API's protocols.
        protocol === 'SCTP' ? [] : [{ name, port, protocol }],
      ),
    },
  };
}

function addresses({ ipv4, ipv6 }: EndpointView): AddressPair[] {
  if (ipv4 === undefined && ipv6 === undefined) return [];
  return [{ ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) }];
}

export function endpointConfiguration({ policy, userLabels }: EndpointView): EndpointConfigurationSpec {
  return {
    'label-configuration': { user: userLabels },
    options: { PolicyAuditMode: policy.audit ? 'Enabled' : 'Disabled' },
  };
}

export function endpointLabels({ labels, otherLabels, userLabels }: EndpointView): LabelConfigurationStatus {
  return {
    realized: { user: userLabels },
    'security-relevant': labels,
    derived: [...labels, ...otherLabels].sort(),
    disabled: [],
  };
}

export function statusChange({ time, state, failed, message }: EndpointLogEntry): EndpointStatusChange {
  return {
    timestamp: new Date(time).toISOString(),
    code: failed ? 'failed' : 'ok',
    message,
    state: endpointState(state),
  };
}

function endpointState(state: EndpointView['state']): EndpointState {
  return state === 'creating' ? 'waiting-for-identity' : state;
}

export function endpointHealth({ state, faults }: EndpointView): EndpointHealth {
  const of = (whenReady: EndpointHealthStatus): EndpointHealthStatus => {
    switch (state) {
      case 'ready':
        return whenReady;
      case 'creating':
      case 'waiting-for-identity':
      case 'not-ready':
      case 'restoring':
        return 'Bootstrap';
      case 'waiting-to-regenerate':
      case 'regenerating':
        return 'Pending';
      case 'invalid':
        return 'Failure';
      default:
        return 'Disabled';
    }
  };
  // The entries that are in force stay so when a change can't be brought in.
  const policy = of(faults.length === 0 ? 'OK' : 'Warning');
  return { overallHealth: policy, bpf: of('OK'), policy, connected: state === 'ready' };
}
