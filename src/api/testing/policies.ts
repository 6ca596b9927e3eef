/** Policies and what nodes tell each other, as they are written: all of it right. For tests only. */
import fc from 'fast-check';
import { endpointStates, entityNames } from '../index.ts';

const word = fc.constantFrom('a', 'web', 'db-1', 'x.y', 'Z_9');
const label = fc.constantFrom('app', 'example.com/tier', 'k8s:app', 'any:app', 'k8s:io.kubernetes.pod.namespace');
const name = fc.constantFrom('a', 'web', 'other');

/** Fields may be absent. */
const some = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
const few = <T>(item: fc.Arbitrary<T>, minLength = 0): fc.Arbitrary<T[]> => fc.array(item, { minLength, maxLength: 3 });

const requirements = (key: fc.Arbitrary<string>) =>
  fc.oneof(
    fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values: few(word, 1) }),
    fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
  );
const selectorOf = (key: fc.Arbitrary<string>) =>
  some({ matchLabels: fc.dictionary(key, word, { maxKeys: 2 }), matchExpressions: few(requirements(key)) });
export const rawSelector = selectorOf(label);

const v4 = fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 255 }));
const address = fc.oneof(
  v4.map(([a, b]) => `10.${a}.${b}.9`),
  v4.map(([a, b]) => `2001:db8:${a}::${b}`),
);
const network = fc.oneof(
  fc.tuple(v4, fc.integer({ min: 16, max: 32 })).map(([[a, b], length]) => `10.${a}.${b}.0/${length}`),
  fc.tuple(v4, fc.integer({ min: 48, max: 128 })).map(([[a, b], length]) => `2001:db8:${a}:${b}::/${length}`),
);
/** With parts of it. */
const block = fc.oneof(
  fc.tuple(fc.nat({ max: 255 }), few(fc.nat({ max: 255 }))).map(([a, parts]) => ({
    cidr: `10.${a}.0.0/16`,
    except: parts.map((b) => `10.${a}.${b}.0/24`),
  })),
  fc.constant({ cidr: '2001:DB8::/32', except: ['2001:db8:1::/48'] }),
);

const portNumber = fc.integer({ min: 1, max: 65535 });
const anyPort = fc.oneof(
  portNumber.map((port) => ({ port: `${port}` })),
  fc.tuple(portNumber, portNumber).map(([a, b]) => ({ port: `${Math.min(a, b)}`, endPort: Math.max(a, b) })),
  fc.constantFrom({ port: 'http' }, { port: 'DNS-tcp' }, { port: '0' }),
);
const portOf = (protocol: fc.Arbitrary<string | undefined>) =>
  fc.tuple(anyPort, protocol).map(([port, each]) => (each === undefined ? port : { ...port, protocol: each }));
const httpRule = some({
  method: fc.constantFrom('GET', 'PUT|POST'),
  path: fc.constantFrom('/public', '/a/.*$'),
  headers: few(fc.constantFrom('X-Token', 'X-Token: a')),
});
const l7Port = portNumber.map((port) => ({ port: `${port}`, protocol: 'TCP' }));
const portRule = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ ports: few(portOf(fc.constantFrom(undefined, 'TCP', 'UDP', 'SCTP', 'ANY')), 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ports: few(l7Port, 1),
      rules: fc.oneof(
        few(httpRule).map((http) => ({ http })),
        fc.constant({ kafka: [{ role: 'consume', topic: 'a' }] }),
        fc.constant({ l7proto: 'r2d2', l7: [{ cmd: 'READ' }] }),
      ),
    }),
  },
);
const denyPortRule = fc.record({ ports: few(portOf(fc.constantFrom(undefined, 'TCP', 'UDP')), 1) });
const icmp = fc.record({
  fields: few(
    fc.oneof(
      fc.record({ type: fc.nat({ max: 255 }) }),
      fc.record({ family: fc.constantFrom('IPv4', 'IPv6'), type: fc.constantFrom('EchoRequest', 'EchoReply', 3) }),
    ),
    1,
  ),
});

const fqdn = fc.constantFrom({ matchName: 'Example.com.' }, { matchPattern: '*.example.com' }, { matchPattern: '*' });
const services = few(
  fc.oneof(
    fc.record({ k8sService: fc.record({ serviceName: name, namespace: name }) }),
    fc.record({ k8sServiceSelector: fc.record({ selector: rawSelector }) }),
  ),
  1,
);

function rawTraffic(direction: 'from' | 'to', verdict: 'allow' | 'deny'): fc.Arbitrary<object> {
  const peers = fc.oneof(
    fc.constant({}),
    few(rawSelector, 1).map((all) => ({ [`${direction}Endpoints`]: all })),
    few(fc.oneof(address, network), 1).map((all) => ({ [`${direction}CIDR`]: all })),
    few(fc.oneof(block, fc.constant({ cidrGroupRef: 'group' })), 1).map((all) => ({ [`${direction}CIDRSet`]: all })),
    few(fc.constantFrom(...entityNames), 1).map((all) => ({ [`${direction}Entities`]: all })),
    few(rawSelector, 1).map((all) => ({ [`${direction}Nodes`]: all })),
    ...(direction === 'to' ? [services.map((toServices) => ({ toServices }))] : []),
    ...(direction === 'to' && verdict === 'allow' ? [few(fqdn, 1).map((toFQDNs) => ({ toFQDNs }))] : []),
  );
  const ports = fc.oneof(
    fc.constant({}),
    few(verdict === 'allow' ? portRule : denyPortRule, 1).map((toPorts) => ({ toPorts })),
    few(icmp, 1).map((icmps) => ({ icmps })),
  );
  const requires = fc.oneof(
    fc.constant({}),
    few(rawSelector, 1).map((all) => ({ [`${direction}Requires`]: all })),
  );
  return fc.tuple(peers, ports, requires).map((parts) => Object.assign({}, ...parts) as object);
}

/** A rule about endpoints. */
export const rawRule: fc.Arbitrary<object> = fc
  .tuple(
    rawSelector,
    some({
      description: fc.constant('why'),
      ingress: few(rawTraffic('from', 'allow'), 1),
      ingressDeny: few(rawTraffic('from', 'deny'), 1),
      egress: few(rawTraffic('to', 'allow'), 1),
      egressDeny: few(rawTraffic('to', 'deny'), 1),
      enableDefaultDeny: some({ ingress: fc.boolean(), egress: fc.boolean() }),
      labels: fc.constant([{ key: 'team', value: 'a' }]),
    }),
  )
  .map(([endpointSelector, rest]) => ({ endpointSelector, ...rest }));

const objectOf = (apiVersion: string, kind: string, rest: fc.Arbitrary<object>, metadata: object = {}) =>
  rest.map((fields): object => ({ apiVersion, kind, metadata: { name: 'sample', ...metadata }, ...fields }));

const rules = fc.oneof(
  rawRule.map((spec) => ({ spec })),
  few(rawRule, 1).map((specs) => ({ specs })),
);
export const rawClusterwidePolicy = objectOf('cilium.io/v2', 'CiliumClusterwideNetworkPolicy', rules);
/** Without names of namespaces among the labels of its subjects, which it would be warned about. */
export const rawCiliumPolicy = objectOf('cilium.io/v2', 'CiliumNetworkPolicy', rules, { namespace: 'default' });

const k8sSelector = selectorOf(fc.constantFrom('app', 'example.com/tier'));
const k8sPort = fc.oneof(
  some({ protocol: fc.constantFrom('TCP', 'UDP', 'SCTP') }),
  fc.record({ port: fc.oneof<fc.Arbitrary<number | string>[]>(portNumber, fc.constant('http')) }),
  fc.tuple(portNumber, portNumber).map(([a, b]) => ({ port: Math.min(a, b), endPort: Math.max(a, b) })),
);
const k8sPeer = fc.oneof(
  fc.record({ podSelector: k8sSelector }),
  fc.record({ namespaceSelector: k8sSelector }),
  fc.record({ podSelector: k8sSelector, namespaceSelector: k8sSelector }),
  block.map((ipBlock) => ({ ipBlock })),
);
export const rawNetworkPolicy = objectOf(
  'networking.k8s.io/v1',
  'NetworkPolicy',
  fc.record({
    spec: fc
      .tuple(
        k8sSelector,
        some({
          ingress: few(some({ from: few(k8sPeer), ports: few(k8sPort) })),
          egress: few(some({ to: few(k8sPeer), ports: few(k8sPort) })),
        }),
      )
      .map(([podSelector, rest]) => ({ podSelector, policyTypes: ['Ingress', 'Egress'], ...rest })),
  }),
);

const pair = some({ ipv4: fc.constant('10.0.0.1'), ipv6: fc.constant('2001:db8::1') });
export const rawCiliumNode = objectOf(
  'cilium.io/v2',
  'CiliumNode',
  some({
    spec: some({
      addresses: few(fc.record({ type: fc.constantFrom('InternalIP', 'CiliumInternalIP'), ip: address })),
      ipam: some({ podCIDRs: few(network), 'min-allocate': fc.nat() }),
      health: pair,
      ingress: pair,
      encryption: fc.record({ key: fc.nat({ max: 15 }) }),
      'instance-id': fc.constantFrom('', 'i-1'),
    }),
    status: fc.record({
      ipam: some({
        used: fc.dictionary(address, some({ owner: fc.constant('default/a'), resource: fc.constant('eni-1') })),
        'pod-cidrs': fc.dictionary(network, fc.record({ status: fc.constantFrom('in-use', 'depleted', 'released') })),
        'operator-status': some({ error: fc.constantFrom('', 'no more networks') }),
      }),
    }),
  }),
);
export const rawCiliumEndpoint = objectOf(
  'cilium.io/v2',
  'CiliumEndpoint',
  some({
    status: some({
      id: fc.nat({ max: 65535 }),
      state: fc.constantFrom('', ...endpointStates),
      identity: some({ id: fc.nat(), labels: few(fc.constantFrom('k8s:app=a', 'k8s:b=c')) }),
      networking: fc.record({ addressing: few(pair), node: fc.constantFrom('', '192.0.2.1') }),
      'named-ports': few(fc.record({ name, port: portNumber, protocol: fc.constantFrom('tcp', 'UDP') })),
      'external-identifiers': some({ 'k8s-pod-name': name, 'container-id': fc.constant('abc') }),
    }),
  }),
);
export const rawCiliumIdentity = objectOf(
  'cilium.io/v2',
  'CiliumIdentity',
  fc.record({ 'security-labels': fc.dictionary(label, word) }),
  { name: '4711' },
);
export const rawCidrGroup = objectOf(
  'cilium.io/v2alpha1',
  'CiliumCIDRGroup',
  fc.record({ spec: some({ externalCIDRs: few(network) }) }),
);

/** Every kind of above. */
export const rawPolicyObject: fc.Arbitrary<object> = fc.oneof(
  rawCiliumPolicy,
  rawClusterwidePolicy,
  rawNetworkPolicy,
  rawCiliumNode,
  rawCiliumEndpoint,
  rawCiliumIdentity,
  rawCidrGroup,
);
