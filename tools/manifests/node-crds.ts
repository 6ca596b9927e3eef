import { endpointStates } from '../../src/api/index.ts';
import type { CrdSource } from './crd.ts';
import { ip, list, type Schema, text } from './schema.ts';

/* What nodes tell each other. Agents of other versions and clouds have more to say, so no field is pruned. */

const object = (
  description: string,
  properties: Readonly<Record<string, Schema>>,
  required?: readonly string[],
): Schema => ({
  type: 'object',
  description,
  properties,
  ...(required === undefined ? {} : { required }),
  'x-kubernetes-preserve-unknown-fields': true,
});
/** Go's zero value counts as not set. */
const address = (description: string): Schema => ({
  ...ip(description),
  anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }, { maxLength: 0 }],
});
const number = (description: string, maximum?: number): Schema => ({
  type: 'integer',
  description,
  minimum: 0,
  ...(maximum === undefined ? {} : { maximum }),
});
const pair = (description: string): Schema =>
  object(description, { ipv4: address('Its IPv4 address.'), ipv6: address('Its IPv6 address.') });
const allocations = (description: string): Schema => ({
  type: 'object',
  description,
  additionalProperties: object('Who has the address.', {
    owner: text('Namespace and name of the pod.'),
    resource: text('The interface that it came with.'),
  }),
});
const encryption = object('How traffic is encrypted.', { key: number('Index of the key; 0 is none.', 255) });

const ipam = object('Addresses for pods.', {
  podCIDRs: list('Networks that pods of the node get their addresses from.', {
    type: 'string',
    anyOf: [{ format: 'cidr' }],
  }),
  pool: allocations('Addresses that were given to the node one by one.'),
  'min-allocate': number('Addresses that the node has at least.'),
  'max-allocate': number('Addresses that the node has at most.'),
  'pre-allocate': number('Addresses that are kept free.'),
  'max-above-watermark': number('Addresses that are asked for beyond those.'),
  'pod-cidr-allocation-threshold': number('With fewer free addresses, another network is asked for.'),
  'pod-cidr-release-threshold': number('With more free addresses, unused networks are given back.'),
});

export const ciliumNodeCrd: CrdSource = {
  kind: 'CiliumNode',
  plural: 'ciliumnodes',
  shortNames: ['cn', 'ciliumn'],
  namespaced: false,
  versions: ['v2'],
  description: 'What other nodes have to know of a node. Its agent writes it; the operator gives it networks for pods.',
  spec: object('Addresses, and networks of pods.', {
    addresses: list(
      'Addresses of the node.',
      object(
        'One address.',
        { type: text('InternalIP, ExternalIP, CiliumInternalIP or Hostname.'), ip: text('The address.') },
        ['ip'],
      ),
    ),
    ipam,
    health: pair('Addresses of its health endpoint.'),
    ingress: pair('Addresses of its ingress listeners.'),
    encryption,
    bootid: text('Identifier of the boot.'),
    'instance-id': text('Identifier of the machine at its provider.'),
    nodeidentity: number('Identity of the node.'),
  }),
  required: [],
  status: object('Which addresses are in use.', {
    ipam: object('Addresses for pods.', {
      used: allocations('Addresses that pods have.'),
      'pod-cidrs': {
        type: 'object',
        description: 'Networks of the spec and what has become of them.',
        additionalProperties: object('One network.', {
          status: {
            type: 'string',
            description: 'in-use; depleted: no address is free; released: the operator may take it back.',
            enum: ['in-use', 'depleted', 'released'],
          },
        }),
      },
      'release-ips': {
        type: 'object',
        description: 'Addresses that are being given back, and how far that is.',
        additionalProperties: { type: 'string' },
      },
      'operator-status': object('What the operator says.', { error: text('What it could not do.') }),
    }),
  }),
  columns: [
    {
      name: 'CiliumInternalIP',
      type: 'string',
      jsonPath: '.spec.addresses[?(@.type=="CiliumInternalIP")].ip',
      description: 'Address of the node among its pods.',
    },
    {
      name: 'InternalIP',
      type: 'string',
      jsonPath: '.spec.addresses[?(@.type=="InternalIP")].ip',
      description: 'Address of the node.',
    },
  ],
};

const endpointStatus = object('What the pod is to other nodes.', {
  id: number('Number of the endpoint on its node.', 65535),
  state: { type: 'string', description: 'How far the endpoint is.', enum: [...endpointStates, ''] },
  identity: object('Who it is for policies.', {
    id: number('Number of the identity.', 0xffffffff),
    labels: list('Labels that make it, as source:key=value.', { type: 'string' }),
  }),
  networking: object('Where it is.', {
    addressing: list('Its addresses.', pair('One of each family at most.')),
    node: address('Address of its node.'),
  }),
  'named-ports': list(
    'Ports of its containers that have names.',
    object(
      'One port.',
      {
        name: { ...text('Its name.'), minLength: 1 },
        port: number('Its number.', 65535),
        protocol: text('TCP where it is absent.'),
      },
      ['name', 'port'],
    ),
  ),
  encryption,
  'external-identifiers': object('What others call it.', {
    'container-id': text('Identifier of the sandbox.'),
    'container-name': text('Name of the container.'),
    'k8s-namespace': text('Namespace of the pod.'),
    'k8s-pod-name': text('Name of the pod.'),
    'pod-name': text('Namespace and name of the pod.'),
    'cni-attachment-id': text('Identifier of the sandbox and its interface.'),
  }),
});

export const ciliumEndpointCrd: CrdSource = {
  kind: 'CiliumEndpoint',
  plural: 'ciliumendpoints',
  shortNames: ['cep', 'ciliumep'],
  namespaced: true,
  versions: ['v2'],
  description: 'What other nodes have to know of a pod. The agent of its node writes it.',
  status: endpointStatus,
  ownStatus: true,
  columns: [
    {
      name: 'Security Identity',
      type: 'integer',
      jsonPath: '.status.identity.id',
      description: 'Number of its identity.',
    },
    { name: 'Endpoint State', type: 'string', jsonPath: '.status.state', description: 'How far it is.' },
    {
      name: 'IPv4',
      type: 'string',
      jsonPath: '.status.networking.addressing[0].ipv4',
      description: 'Its IPv4 address.',
    },
    {
      name: 'IPv6',
      type: 'string',
      jsonPath: '.status.networking.addressing[0].ipv6',
      description: 'Its IPv6 address.',
    },
  ],
};

export const ciliumIdentityCrd: CrdSource = {
  kind: 'CiliumIdentity',
  plural: 'ciliumidentities',
  shortNames: ['ciliumid'],
  namespaced: false,
  versions: ['v2'],
  description:
    'Labels with a number, which is the name of the object. Agents write them, the operator collects unused ones.',
  more: {
    'security-labels': {
      type: 'object',
      description: 'The labels, as source:key and value.',
      additionalProperties: { type: 'string' },
    },
  },
  required: ['security-labels'],
  columns: [
    {
      name: 'Namespace',
      type: 'string',
      jsonPath: '.metadata.labels.io\\.kubernetes\\.pod\\.namespace',
      description: 'Namespace of its pods.',
    },
  ],
};
