import { isIP } from 'node:net';
import type { ContainerPort, LoadBalancerIngress, Service, ServicePort } from '../core.ts';
import {
  base64,
  boolean,
  type Context,
  check,
  DATA_KEY,
  defaulted,
  IP_ADDRESS,
  integer,
  integerOr,
  list,
  map,
  object,
  oneOf,
  optional,
  PORT_NAME,
  record,
  required,
  type Schema,
  string,
  stringRecord,
} from '../schema/index.ts';

const portNumber = integer(1, 65535);
const protocol = oneOf('TCP', 'UDP', 'SCTP');
const address = string({ format: IP_ADDRESS });
const policy = oneOf('Cluster', 'Local');

const loadBalancerIngress: Schema<readonly LoadBalancerIngress[]> = list(
  object({ ip: optional(address), hostname: optional(string()) }, 'lenient'),
);

export const loadBalancerStatus: Schema<{ readonly loadBalancer: readonly LoadBalancerIngress[] }> = map(
  object({ loadBalancer: optional(object({ ingress: defaulted(loadBalancerIngress, []) }, 'lenient')) }, 'lenient'),
  ({ loadBalancer }) => ({ loadBalancer: loadBalancer?.ingress ?? [] }),
);

const servicePort: Schema<ServicePort> = map(
  object(
    {
      name: defaulted(string({ max: 63 }), ''),
      port: required(portNumber),
      targetPort: optional(integerOr(integer(0, 65535), string({ format: PORT_NAME }))),
      protocol: defaulted(protocol, 'TCP'),
      appProtocol: optional(string({ min: 1 })),
      nodePort: optional(integer(0, 65535)),
    },
    'lenient',
  ),
  // 0 is the API's zero value for `targetPort` and `nodePort`: not set.
  ({ targetPort, nodePort, ...rest }) => ({
    ...rest,
    targetPort: targetPort || rest.port,
    ...(nodePort ? { nodePort } : {}),
  }),
);

const THREE_HOURS = 10_800;

const serviceSpec = map(
  object(
    {
      type: defaulted(oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'), 'ClusterIP'),
      ports: defaulted(
        list(servicePort, { unique: { what: 'port and protocol', key: (port) => `${port.port}/${port.protocol}` } }),
        [],
      ),
      selector: optional(stringRecord),
      externalName: optional(string({ max: 253 })),
      clusterIP: optional(string()),
      clusterIPs: optional(list(string())),
      externalIPs: defaulted(list(address), []),
      ipFamilies: defaulted(list(oneOf('IPv4', 'IPv6')), []),
      sessionAffinity: defaulted(oneOf('None', 'ClientIP'), 'None'),
      sessionAffinityConfig: optional(
        object({ clientIP: optional(object({ timeoutSeconds: optional(integer(1, 86_400)) }, 'lenient')) }, 'lenient'),
      ),
      externalTrafficPolicy: defaulted(policy, 'Cluster'),
      internalTrafficPolicy: defaulted(policy, 'Cluster'),
      trafficDistribution: optional(string()),
      publishNotReadyAddresses: defaulted(boolean, false),
      loadBalancerIP: optional(string()),
      loadBalancerClass: optional(string()),
      loadBalancerSourceRanges: defaulted(list(string()), []),
    },
    'lenient',
  ),
  ({ clusterIP, clusterIPs, sessionAffinityConfig, selector, externalName, ...rest }, context): Service['spec'] => {
    const addresses = (clusterIPs ?? [clusterIP ?? '']).filter((each) => each !== '');
    const headless = addresses[0] === 'None';
    for (const each of addresses)
      if (!headless && isIP(each) === 0)
        context.error('InvalidValue', `is ${JSON.stringify(each)}`, "it must be an IP address, None or ''", [
          clusterIPs === undefined ? 'clusterIP' : 'clusterIPs',
        ]);
    if (rest.ports.length === 0 && !headless && rest.type !== 'ExternalName')
      context.error('MissingField', 'is missing', 'a Service with an address needs at least one port', ['ports']);
    checkPorts(rest.ports, context);
    if (rest.type === 'ExternalName' && !externalName)
      context.error('MissingField', 'is needed with type ExternalName', 'give a DNS name', ['externalName']);
    const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? THREE_HOURS;
    return {
      ...rest,
      headless,
      clusterIPs: headless || rest.type === 'ExternalName' ? [] : addresses,
      ...(selector === undefined || Object.keys(selector).length === 0 ? {} : { selector }),
      ...(rest.type === 'ExternalName' && externalName ? { externalName: externalName.replace(/\.$/, '') } : {}),
      ...(rest.sessionAffinity === 'ClientIP' ? { sessionAffinityTimeout: seconds * 1000 } : {}),
    };
  },
);

function checkPorts(ports: readonly ServicePort[], context: Context): void {
  const names = new Set<string>();
  ports.forEach(({ name }, i) => {
    const at = ['ports', i, 'name'];
    if (name === '') {
      if (ports.length > 1) context.error('MissingField', 'is needed where there are several ports', undefined, at);
    } else if (names.has(name)) context.error('DuplicateValue', `repeats ${JSON.stringify(name)}`, 'rename it', at);
    names.add(name);
  });
}

export const serviceBody = object(
  {
    spec: required(serviceSpec),
    status: defaulted(loadBalancerStatus, { loadBalancer: [] }),
  },
  'lenient',
);

export const namespaceBody = object({}, 'lenient');

const dataKey = string({ min: 1, max: 253, format: DATA_KEY });

export const secretBody = map(
  object(
    {
      type: defaulted(string(), 'Opaque'),
      data: defaulted(record(base64, { key: dataKey }), {}),
      stringData: defaulted(record(string(), { key: dataKey }), {}),
    },
    'lenient',
  ),
  ({ type, data, stringData }, context) => {
    // Not by assignment: a key may be called `__proto__`.
    const all: Record<string, Uint8Array> = Object.fromEntries([
      ...Object.entries(data),
      ...Object.entries(stringData).map(([key, text]) => [key, new TextEncoder().encode(text)] as const),
    ]);
    if (type === 'kubernetes.io/tls')
      for (const key of ['tls.crt', 'tls.key'])
        if (all[key] === undefined)
          context.error('MissingField', 'is missing', 'a Secret of type kubernetes.io/tls needs tls.crt and tls.key', [
            'data',
            key,
          ]);
    return { type: type || 'Opaque', data: all };
  },
);

export const configMapBody = object(
  {
    data: defaulted(record(string(), { key: dataKey }), {}),
    binaryData: defaulted(record(base64, { key: dataKey }), {}),
  },
  'lenient',
);

const containerPort: Schema<ContainerPort> = object(
  {
    name: optional(string()),
    containerPort: required(portNumber),
    hostPort: optional(portNumber),
    protocol: defaulted(protocol, 'TCP'),
  },
  'lenient',
);

const container = object(
  {
    name: required(string({ min: 1 })),
    ports: defaulted(list(containerPort), []),
    restartPolicy: optional(string()),
  },
  'lenient',
);

const podSpec = map(
  object(
    {
      nodeName: optional(string()),
      hostNetwork: defaulted(boolean, false),
      serviceAccountName: optional(string()),
      containers: defaulted(list(container), []),
      initContainers: defaulted(list(container), []),
    },
    'lenient',
  ),
  ({ containers, initContainers, ...rest }) => ({
    ...rest,
    containers: [...initContainers.filter((each) => each.restartPolicy === 'Always'), ...containers].map(
      ({ name, ports }) => ({ name, ports }),
    ),
  }),
);

const podStatus = map(
  object(
    {
      phase: defaulted(oneOf('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'), 'Pending'),
      podIP: optional(string()),
      podIPs: defaulted(list(object({ ip: required(address) }, 'lenient')), []),
      hostIP: optional(string()),
      conditions: defaulted(list(object({ type: required(string()), status: required(string()) }, 'lenient')), []),
    },
    'lenient',
  ),
  ({ podIP, podIPs, conditions, phase, hostIP }) => ({
    phase,
    podIPs: podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : podIP ? [podIP] : [],
    ...(hostIP ? { hostIP } : {}),
    ready: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
  }),
);

export const podBody = object(
  {
    spec: defaulted(podSpec, { hostNetwork: false, containers: [] }),
    status: defaulted(podStatus, { phase: 'Pending', podIPs: [], ready: false }),
  },
  'lenient',
);

export const nodeBody = map(
  object(
    {
      spec: optional(object({ podCIDR: optional(string()), podCIDRs: optional(list(string())) }, 'lenient')),
      status: optional(
        object(
          {
            addresses: defaulted(
              list(object({ type: required(string()), address: required(string()) }, 'lenient')),
              [],
            ),
          },
          'lenient',
        ),
      ),
    },
    'lenient',
  ),
  ({ spec, status }) => ({
    spec: { podCIDRs: spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []) },
    status: { addresses: status?.addresses ?? [] },
  }),
);

const condition = optional(boolean);

const endpoint = map(
  object(
    {
      addresses: required(list(string({ min: 1 }), { min: 1, max: 100 })),
      conditions: optional(object({ ready: condition, serving: condition, terminating: condition }, 'lenient')),
      hostname: optional(string()),
      nodeName: optional(string()),
      zone: optional(string()),
      targetRef: optional(
        object(
          { kind: defaulted(string(), ''), namespace: optional(string()), name: defaulted(string(), '') },
          'lenient',
        ),
      ),
      hints: optional(
        object({ forZones: defaulted(list(object({ name: required(string()) }, 'lenient')), []) }, 'lenient'),
      ),
    },
    'lenient',
  ),
  ({ conditions, hints, ...rest }) => {
    const ready = conditions?.ready ?? true;
    return {
      ...rest,
      conditions: { ready, serving: conditions?.serving ?? ready, terminating: conditions?.terminating ?? false },
      forZones: hints?.forZones.map(({ name }) => name) ?? [],
    };
  },
);

export const endpointSliceBody = check(
  object(
    {
      addressType: required(oneOf('IPv4', 'IPv6', 'FQDN')),
      endpoints: defaulted(list(endpoint, { max: 1000 }), []),
      ports: defaulted(
        list(
          object(
            {
              name: defaulted(string(), ''),
              port: optional(portNumber),
              protocol: defaulted(protocol, 'TCP'),
              appProtocol: optional(string()),
            },
            'lenient',
          ),
          { unique: { what: 'name', key: (port) => port.name } },
        ),
        [],
      ),
    },
    'lenient',
  ),
  ({ addressType, endpoints }, context) => {
    const version = addressType === 'IPv4' ? 4 : addressType === 'IPv6' ? 6 : 0;
    endpoints.forEach(({ addresses }, i) => {
      addresses.forEach((each, j) => {
        if (isIP(each) !== version)
          context.error(
            'InvalidValue',
            `is ${JSON.stringify(each.slice(0, 80))}`,
            `addressType is ${addressType}: give ${version === 0 ? 'a DNS name' : `an ${addressType} address`}`,
            ['endpoints', i, 'addresses', j],
          );
      });
    });
  },
);
