import type { CrdSource } from './crd.ts';
import { cidr, conditions, ip, labelSelector, list, type Schema } from './schema.ts';

const NETWORK = 'A network: 10.0.10.0/24, or 2001:db8:10::/64.';

/** Both ends of a range. A rule in CEL would read the strings, which costs more than an API server allows in a list without end. */
const ofOneFamily = ['ipv4', 'ipv6'].map((format): Schema => ({ properties: { start: { format }, stop: { format } } }));

const poolSpec: Schema = {
  type: 'object',
  description: 'Which addresses there are, and which Services may have them.',
  properties: {
    blocks: list('Networks and ranges of addresses.', {
      type: 'object',
      properties: {
        cidr: cidr(NETWORK),
        start: ip('First address of a range.'),
        stop: ip('Last address of the range; where it is absent, start is the only one.'),
      },
      anyOf: ofOneFamily,
      'x-kubernetes-validations': [
        {
          rule: 'has(self.cidr) ? !has(self.start) && !has(self.stop) : has(self.start)',
          message: 'a block is either a cidr, or a range from start to stop',
        },
      ],
    }),
    cidrs: list('Networks, as Cilium 1.13 writes them: they are added to blocks.', {
      type: 'object',
      properties: { cidr: cidr(NETWORK) },
      required: ['cidr'],
    }),
    serviceSelector: labelSelector(
      'Services that the pool is for, by their labels, or by io.kubernetes.service.namespace and io.kubernetes.service.name. Absent: for all.',
    ),
    disabled: { type: 'boolean', description: 'Gives out nothing new. What was given out stays.' },
    allowFirstLastIPs: {
      type: 'string',
      description: 'Whether the first and the last address of a network may be given out. Yes where it is absent.',
      enum: ['Yes', 'No'],
    },
  },
};

export const loadBalancerIpPoolCrd: CrdSource = {
  kind: 'CiliumLoadBalancerIPPool',
  plural: 'ciliumloadbalancerippools',
  shortNames: ['ippools', 'ippool', 'lbippool', 'lbippools'],
  namespaced: false,
  versions: ['v2', 'v2alpha1'],
  description: 'Addresses for Services of type LoadBalancer.',
  spec: poolSpec,
  status: {
    type: 'object',
    description: 'How many addresses there are and how many are in use, and whether another pool has some of them too.',
    properties: { conditions },
  },
  columns: [
    { name: 'Disabled', type: 'boolean', jsonPath: '.spec.disabled' },
    {
      name: 'Conflicting',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="cilium.io/PoolConflict")].status',
      description: 'Whether another pool has some of its addresses.',
    },
    {
      name: 'IPs Available',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="cilium.io/IPsAvailable")].message',
      description: 'How many addresses are free.',
    },
  ],
};

export const bgpLoadBalancerIpPoolCrd: CrdSource = {
  kind: 'CiliumBGPLoadBalancerIPPool',
  plural: 'ciliumbgploadbalancerippools',
  shortNames: ['bgppools'],
  namespaced: false,
  versions: ['v2alpha1'],
  description: 'Addresses for Services of type LoadBalancer, as Cilium 1.12 writes them.',
  spec: {
    type: 'object',
    description: 'Which addresses there are, and which Services may have them.',
    properties: {
      prefix: cidr(NETWORK),
      default: { type: 'boolean', description: 'For Services that no other pool has an address for.' },
      lbSelector: labelSelector('Services that the pool is for, by their labels.'),
      nodeSelector: labelSelector('Nodes that announce its addresses.'),
    },
    required: ['prefix'],
  },
  columns: [
    { name: 'Prefix', type: 'string', jsonPath: '.spec.prefix' },
    { name: 'Default', type: 'boolean', jsonPath: '.spec.default' },
  ],
};
