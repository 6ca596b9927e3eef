import { LABEL_VALUE, QUALIFIED_KEY } from '../../api/schema/index.ts';
import { type Identity, labelsToMap, parseLabel } from '../identity/index.ts';
import type { Endpoint } from './endpoint.ts';

/** An object as it is written, to an API server or a file. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly object[];
  };
  readonly [field: string]: unknown;
}

/**
 * The CiliumEndpoint of a pod, by which other nodes learn its identity; it goes with its Pod. `nodeIp` is the node's address, where
 * a tunnel to the pod ends.
 */
export function ciliumEndpointManifest(endpoint: Endpoint, nodeIp: string | undefined): Manifest {
  const { id, state, identity, labels, addresses, pod, namedPorts, containerId, ifname } = endpoint;
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumEndpoint',
    metadata: {
      name: pod.name,
      namespace: pod.namespace,
      ...(pod.uid === ''
        ? {}
        : {
            ownerReferences: [
              { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid, blockOwnerDeletion: false },
            ],
          }),
    },
    status: {
      id,
      state,
      ...(identity === undefined ? {} : { identity: { id: identity, labels } }),
      networking: { addressing: [addresses], ...(nodeIp === undefined ? {} : { node: nodeIp }) },
      'named-ports': namedPorts,
      'external-identifiers': {
        'container-id': containerId,
        'k8s-namespace': pod.namespace,
        'k8s-pod-name': pod.name,
        'pod-name': `${pod.namespace}/${pod.name}`,
        'cni-attachment-id': `${containerId}:${ifname}`,
      },
    },
  };
}

/** The object that gives labels their number; the number is its name, so that the API server gives it to one alone. */
export function ciliumIdentityManifest({ id, labels }: Identity): Manifest {
  const own = labels.map(parseLabel).filter(({ source, key, value }) => source === 'k8s' && fitsLabel(key, value));
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumIdentity',
    metadata: { name: `${id}`, labels: Object.fromEntries(own.map(({ key, value }) => [key, value])) },
    'security-labels': labelsToMap(labels),
  };
}

/** Whether Kubernetes takes it as a label: unlike a selector's, the prefix of the key is in lower case. */
function fitsLabel(key: string, value: string): boolean {
  const isLower = !/[A-Z]/.test(key.slice(0, key.indexOf('/') + 1));
  return isLower && QUALIFIED_KEY.test(key) && value.length <= 63 && LABEL_VALUE.test(value);
}
