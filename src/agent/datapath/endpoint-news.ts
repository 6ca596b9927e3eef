import { ciliumEndpointManifest, type Endpoint, type PodRef } from '../../network/endpoint/index.ts';
import { tunnelEndpointOf } from '../../network/routing/index.ts';
import type { NodeNetwork } from './node-network.ts';
import type { Publisher } from './publisher.ts';

export interface EndpointNewsOptions {
  readonly publisher: Publisher;
  readonly network: NodeNetwork;
  /** The newest endpoint of a pod. */
  readonly ofPod: (pod: PodRef) => Endpoint | undefined;
  /** For readers of events. */
  readonly tell: (event: string, message: string) => void;
}

/** Tells other nodes and readers of events what became of an endpoint. */
export function endpointNews({ publisher, network, ofPod, tell }: EndpointNewsOptions) {
  return (endpoint: Endpoint, change: 'set' | 'removed'): void => {
    tell(change === 'set' ? 'endpoint-updated' : 'endpoint-deleted', describe(endpoint));
    if (endpoint.pod.name === '') return;
    // A pod's next sandbox may be there before its last one is removed: what is told is of the one that lives.
    const living = change === 'set' ? endpoint : ofPod(endpoint.pod);
    if (living !== undefined) publisher.apply(ciliumEndpointManifest(living, tunnelEndpointOf(network.devices)));
    else publisher.remove(ciliumEndpointManifest(endpoint, undefined));
  };
}

/** `17 default/web is ready, identity 4711` */
function describe(endpoint: Endpoint): string {
  const { id, state, identity } = endpoint;
  const who = identity === undefined ? 'without an identity' : `identity ${identity}`;
  return `${id} ${podName(endpoint)} is ${state}, ${who}`;
}

/** Of what is no pod: the container's id. */
export function podName({ pod, containerId }: Pick<Endpoint, 'pod' | 'containerId'>): string {
  return pod.name === '' ? containerId : `${pod.namespace}/${pod.name}`;
}
