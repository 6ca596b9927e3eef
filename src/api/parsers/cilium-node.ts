import { parseCidr, parseIp } from '../../lib/ip-address.ts';
import {
  type CiliumEndpointStatus,
  type CiliumNodeSpec,
  type CiliumNodeStatus,
  type EndpointState,
  endpointStates,
  type PodCidrStatus,
} from '../cilium-node.ts';
import type { ObjectMeta } from '../object.ts';
import {
  type Context,
  defaulted,
  integer,
  list,
  map,
  NOTHING,
  object,
  oneOf,
  optional,
  record,
  required,
  type Schema,
  string,
  stringRecord,
} from '../schema/index.ts';
import { canonicalNetwork, network } from './network.ts';

/* Objects that agents and operators write to each other; fields that this version does not use are left alone. */

/** Go's zero value counts as not set. */
const text: Schema<string | undefined> = map(string(), (value) => value || undefined);
/** Of more than one host: without a zone. */
const ip = string({ format: { is: 'an IPv4 or IPv6 address', test: (value) => parseIp(value) !== undefined } });
const address: Schema<string | undefined> = (value, context) => (value === '' ? undefined : ip(value, context));
const count = optional(integer(0));

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that are undefined: absent and `''` are the same in these objects. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}

const pair = map(object({ ipv4: optional(address), ipv6: optional(address) }, 'lenient'), present);
const allocations = record(map(object({ owner: optional(text), resource: optional(text) }, 'lenient'), present));
const key = object({ key: defaulted(integer(0, 255), 0) }, 'lenient');

const nodeIpam = map(
  object(
    {
      podCIDRs: defaulted(list(network), []),
      pool: defaulted(allocations, {}),
      'min-allocate': count,
      'max-allocate': count,
      'pre-allocate': count,
      'max-above-watermark': count,
      'pod-cidr-allocation-threshold': count,
      'pod-cidr-release-threshold': count,
    },
    'lenient',
  ),
  (read) => ({
    podCIDRs: read.podCIDRs,
    pool: read.pool,
    ...present({
      minAllocate: read['min-allocate'],
      maxAllocate: read['max-allocate'],
      preAllocate: read['pre-allocate'],
      maxAboveWatermark: read['max-above-watermark'],
      podCidrAllocationThreshold: read['pod-cidr-allocation-threshold'],
      podCidrReleaseThreshold: read['pod-cidr-release-threshold'],
    }),
  }),
);

const nodeSpec: Schema<CiliumNodeSpec> = map(
  object(
    {
      addresses: defaulted(list(object({ type: defaulted(string(), ''), ip: required(string()) }, 'lenient')), []),
      ipam: defaulted(nodeIpam, { podCIDRs: [], pool: {} }),
      health: defaulted(pair, {}),
      ingress: defaulted(pair, {}),
      encryption: defaulted(key, { key: 0 }),
      bootid: optional(text),
      'instance-id': optional(text),
      nodeidentity: optional(integer(0)),
    },
    'lenient',
  ),
  ({ encryption, bootid, 'instance-id': instanceId, nodeidentity, ...rest }) => ({
    ...rest,
    encryptionKey: encryption.key,
    ...present({ bootId: bootid, instanceId, nodeIdentity: nodeidentity || undefined }),
  }),
);

/** By canonical network; what is no network is an error. */
const podCidrs: Schema<Readonly<Record<string, PodCidrStatus>>> = map(
  record(object({ status: defaulted(oneOf('in-use', 'depleted', 'released'), 'in-use') }, 'lenient')),
  (all, context) =>
    Object.fromEntries(
      Object.entries(all).map(([text, { status }]) => {
        const range = parseCidr(text);
        if (range === undefined) context.error('InvalidValue', 'is no network', undefined, [text]);
        return [range === undefined ? text : canonicalNetwork(range), status];
      }),
    ),
);

const nodeStatus: Schema<CiliumNodeStatus> = map(
  object(
    {
      ipam: optional(
        object(
          {
            used: defaulted(allocations, {}),
            'pod-cidrs': defaulted(podCidrs, {}),
            'release-ips': defaulted(stringRecord, {}),
            'operator-status': optional(object({ error: optional(text) }, 'lenient')),
          },
          'lenient',
        ),
      ),
    },
    'lenient',
  ),
  ({ ipam }) => ({
    ipam: {
      used: ipam?.used ?? {},
      podCIDRs: ipam?.['pod-cidrs'] ?? {},
      releaseIps: ipam?.['release-ips'] ?? {},
      ...present({ operatorError: ipam?.['operator-status']?.error }),
    },
  }),
);

const NO_STATUS: CiliumNodeStatus = { ipam: { used: {}, podCIDRs: {}, releaseIps: {} } };
const NO_SPEC: CiliumNodeSpec = {
  addresses: [],
  ipam: { podCIDRs: [], pool: {} },
  health: {},
  ingress: {},
  encryptionKey: 0,
};

export const ciliumNodeBody = object(
  { spec: defaulted(nodeSpec, NO_SPEC), status: defaulted(nodeStatus, NO_STATUS) },
  'lenient',
);

const state: Schema<EndpointState | undefined> = (value, context) =>
  value === '' ? undefined : oneOf(...endpointStates)(value, context);

const identifiers = map(
  object(
    {
      'container-id': optional(text),
      'container-name': optional(text),
      'k8s-namespace': optional(text),
      'k8s-pod-name': optional(text),
      'pod-name': optional(text),
      'cni-attachment-id': optional(text),
    },
    'lenient',
  ),
  (read) =>
    present({
      containerId: read['container-id'],
      containerName: read['container-name'],
      k8sNamespace: read['k8s-namespace'],
      k8sPodName: read['k8s-pod-name'],
      podName: read['pod-name'],
      cniAttachmentId: read['cni-attachment-id'],
    }),
);

const endpointStatus: Schema<CiliumEndpointStatus> = map(
  object(
    {
      id: defaulted(integer(0, 65535), 0),
      state: optional(state),
      identity: optional(
        object({ id: defaulted(integer(0, 0xffffffff), 0), labels: defaulted(list(string()), []) }, 'lenient'),
      ),
      networking: optional(
        map(
          object({ addressing: defaulted(list(pair), []), node: optional(address) }, 'lenient'),
          ({ addressing, node }) => ({ addressing, ...present({ node }) }),
        ),
      ),
      'named-ports': defaulted(
        list(
          map(
            object(
              {
                name: required(string({ min: 1 })),
                port: required(integer(0, 65535)),
                protocol: defaulted(string(), 'TCP'),
              },
              'lenient',
            ),
            ({ protocol, ...rest }) => ({ ...rest, protocol: protocol.toUpperCase() || 'TCP' }),
          ),
        ),
        [],
      ),
      encryption: defaulted(key, { key: 0 }),
      'external-identifiers': optional(identifiers),
    },
    'lenient',
  ),
  (read) => ({
    id: read.id,
    namedPorts: read['named-ports'],
    encryptionKey: read.encryption.key,
    ...present({
      state: read.state,
      identity: read.identity && { id: read.identity.id, labels: [...read.identity.labels].sort() },
      networking: read.networking,
      externalIdentifiers: read['external-identifiers'],
    }),
  }),
);

export const ciliumEndpointBody = object(
  { status: defaulted(endpointStatus, { id: 0, namedPorts: [], encryptionKey: 0 }) },
  'lenient',
);

export const ciliumIdentityBody = object({ 'security-labels': required(stringRecord) }, 'lenient');

/** Numbers of a cluster and of its remote clusters; larger ones are of one node alone and never objects. */
const MAX_IDENTITY = (1 << 24) - 1;

export function finishIdentity(
  { name }: Pick<ObjectMeta, 'name'>,
  body: ReturnType<typeof ciliumIdentityBody>,
  context: Context,
): { readonly id: number; readonly securityLabels: Readonly<Record<string, string>> } {
  const id = /^[1-9]\d{0,7}$/.test(name) ? Number(name) : 0;
  if (id > 0 && id <= MAX_IDENTITY) return { id, securityLabels: body['security-labels'] };
  context.error(
    'InvalidValue',
    `is ${JSON.stringify(name.slice(0, 80))}`,
    `it must be the identity's number, from 1 to ${MAX_IDENTITY}`,
    ['metadata', 'name'],
  );
  return NOTHING;
}

export const ciliumCidrGroupBody = map(
  object({ spec: required(object({ externalCIDRs: defaulted(list(network), []) })) }),
  ({ spec }) => ({ externalCIDRs: [...new Set(spec.externalCIDRs)] }),
);
