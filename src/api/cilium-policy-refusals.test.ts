import { refusals } from './testing/expect.ts';
import { clusterwide, group, policy } from './testing/policy-bases.ts';

/* Every rule by which Cilium refuses a policy, and what its CustomResourceDefinition refuses. */

const aListener = { name: 'l', envoyConfig: { kind: 'CiliumEnvoyConfig', name: 'e' } };
function l7Names() {
  const element = { ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [] }, serverNames: ['a'] };
  return [['spec.ingress', [{ toPorts: [element] }]]] as const;
}

describe('CiliumNetworkPolicy', () => {
  const first = (element: object) => [['spec.ingress', [element]]] as const;
  const out = (element: object) => [['spec.egress', [element]]] as const;
  const ports = (...all: object[]) => first({ toPorts: [{ ports: all }] });
  const l7 = (rules: object, port: object = { port: '80', protocol: 'TCP' }) =>
    first({ toPorts: [{ ports: [port], rules }] });
  const dns = { dns: [{ matchPattern: '*' }] };
  const at = 'spec.ingress[0]';
  refusals(policy, [
    ['neither selector', [['spec.endpointSelector', undefined]], 'spec', 'InvalidValue', /neither/],
    ['both selectors', [['spec.nodeSelector', {}]], 'spec', 'InvalidValue', /both/],
    ['no rule', [['spec', undefined]], 'spec', 'MissingField', /specs/],
    ['a misspelt section', [['spec.ingres', []]], 'spec.ingres', 'UnknownField', /ingress/],
    [
      'two members of L3',
      first({ fromEndpoints: [{}], fromCIDR: ['10.0.0.0/8'] }),
      at,
      'InvalidValue',
      /fromEndpoints and fromCIDR/,
    ],
    [
      'CIDRs in two forms',
      out({ toCIDR: ['10.0.0.0/8'], toCIDRSet: [{ cidr: '10.0.0.0/8' }] }),
      'spec.egress[0]',
      'InvalidValue',
    ],
    [
      'peers of the other direction',
      first({ toEndpoints: [{}] }),
      `${at}.toEndpoints`,
      'UnknownField',
      /fromEndpoints/,
    ],
    ['Services on ingress', first({ fromServices: [] }), `${at}.fromServices`, 'UnknownField'],
    [
      'ICMP with ports',
      first({ icmps: [{ fields: [{ type: 8 }] }], toPorts: [{ ports: [{ port: '1' }] }] }),
      `${at}.icmps`,
      'InvalidValue',
    ],
    ['ICMP without types', first({ icmps: [{}] }), `${at}.icmps`, 'MissingField'],
    [
      '41 ports',
      ports(...Array.from({ length: 41 }, () => ({ port: '1' }))),
      `${at}.toPorts[0].ports`,
      'InvalidValue',
      /41/,
    ],
    [
      '41 types of ICMP',
      first({ icmps: [{ fields: Array.from({ length: 41 }, () => ({ type: 8 })) }] }),
      `${at}.icmps[0].fields`,
      'InvalidValue',
      /41/,
    ],
    [
      'a type of ICMP beyond 255',
      first({ icmps: [{ fields: [{ type: 256 }] }] }),
      `${at}.icmps[0].fields[0].type`,
      'InvalidValue',
    ],
    [
      'an unknown type of ICMP',
      first({ icmps: [{ fields: [{ type: 'PacketTooBig' }] }] }),
      `${at}.icmps[0].fields[0].type`,
      'InvalidValue',
      /IPv4/,
    ],
    [
      'a quoted type of ICMP',
      first({ icmps: [{ fields: [{ type: '8' }] }] }),
      `${at}.icmps[0].fields[0].type`,
      'WrongType',
      /without quotes: 8/,
    ],
    ['no port', ports({ protocol: 'TCP' }), `${at}.toPorts[0].ports[0].port`, 'MissingField'],
    ['an empty port', ports({ port: '' }), `${at}.toPorts[0].ports[0].port`, 'InvalidValue'],
    ['a port that is no text', ports({ port: 80 }), `${at}.toPorts[0].ports[0].port`, 'WrongType', /quote it: "80"/],
    ['a port beyond 65535', ports({ port: '65536' }), `${at}.toPorts[0].ports[0].port`, 'InvalidValue'],
    ['a port with a zero in front', ports({ port: '080' }), `${at}.toPorts[0].ports[0].port`, 'InvalidValue'],
    ['a long name of a port', ports({ port: 'a-name-of-16-let' }), `${at}.toPorts[0].ports[0].port`, 'InvalidValue'],
    [
      'an unknown protocol',
      ports({ port: '1', protocol: 'tcp' }),
      `${at}.toPorts[0].ports[0].protocol`,
      'InvalidValue',
      /TCP/,
    ],
    [
      'a range backwards',
      ports({ port: '2', endPort: 1 }),
      `${at}.toPorts[0].ports[0].endPort`,
      'InvalidValue',
      /less than/,
    ],
    [
      'a range from a name',
      ports({ port: 'a', endPort: 1 }),
      `${at}.toPorts[0].ports[0].endPort`,
      'InvalidValue',
      /name/,
    ],
    [
      'a range from all ports',
      ports({ port: '0', endPort: 1 }),
      `${at}.toPorts[0].ports[0].endPort`,
      'InvalidValue',
      /all ports/,
    ],
    [
      'L7 on UDP',
      l7({ http: [] }, { port: '80', protocol: 'UDP' }),
      `${at}.toPorts[0].ports[0].protocol`,
      'InvalidValue',
    ],
    [
      'L7 on any protocol',
      l7({ http: [] }, { port: '80' }),
      `${at}.toPorts[0].ports[0].protocol`,
      'InvalidValue',
      /ANY/,
    ],
    [
      'L7 on all ports',
      l7({ http: [] }, { port: '0', protocol: 'TCP' }),
      `${at}.toPorts[0].ports[0].port`,
      'InvalidValue',
    ],
    ['L7 of two protocols', l7({ http: [], kafka: [] }), `${at}.toPorts[0].rules`, 'InvalidValue', /http, kafka/],
    ['L7 of no protocol', l7({ l7: [] }), `${at}.toPorts[0].rules.l7proto`, 'MissingField'],
    ['DNS on ingress', l7(dns), `${at}.toPorts[0].rules.dns`, 'InvalidValue', /egress/],
    ['DNS without a port', out({ toPorts: [{ rules: dns }] }), 'spec.egress[0].toPorts[0].ports', 'MissingField', /53/],
    [
      'DNS on SCTP',
      out({ toPorts: [{ ports: [{ port: '53', protocol: 'SCTP' }], rules: dns }] }),
      'spec.egress[0].toPorts[0].ports[0].protocol',
      'InvalidValue',
    ],
    [
      'an expression that is none',
      l7({ http: [{ path: '(' }] }),
      `${at}.toPorts[0].rules.http[0].path`,
      'InvalidValue',
      /RE2/,
    ],
    [
      'a role and an API key',
      l7({ kafka: [{ role: 'produce', apiKey: 'fetch' }] }),
      `${at}.toPorts[0].rules.kafka[0]`,
      'InvalidValue',
    ],
    [
      'an unknown API key',
      l7({ kafka: [{ apiKey: 'fetsch' }] }),
      `${at}.toPorts[0].rules.kafka[0].apiKey`,
      'InvalidValue',
    ],
    [
      'rules in what denies',
      [['spec.ingressDeny', [{ toPorts: [{ ports: [], rules: {} }] }]]],
      'spec.ingressDeny[0].toPorts[0].rules',
      'UnknownField',
    ],
    [
      'DNS names in what denies',
      [['spec.egressDeny', [{ toFQDNs: [] }]]],
      'spec.egressDeny[0].toFQDNs',
      'UnknownField',
    ],
    [
      'authentication in what denies',
      [['spec.egressDeny', [{ authentication: { mode: 'required' } }]]],
      'spec.egressDeny[0].authentication',
      'UnknownField',
    ],
    [
      'an exception outside of its network',
      out({ toCIDRSet: [{ cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] }] }),
      'spec.egress[0].toCIDRSet[0].except[0]',
      'InvalidValue',
      /within 10\.0\.0\.0\/8/,
    ],
    [
      'an exception around its network',
      out({ toCIDRSet: [{ cidr: '10.0.0.0/16', except: ['10.0.0.0/8'] }] }),
      'spec.egress[0].toCIDRSet[0].except[0]',
      'InvalidValue',
    ],
    [
      'an exception of the other family',
      out({ toCIDRSet: [{ cidr: '0.0.0.0/0', except: ['2001:db8::/32'] }] }),
      'spec.egress[0].toCIDRSet[0].except[0]',
      'InvalidValue',
    ],
    [
      'a mask with holes',
      out({ toCIDR: ['10.0.0.0/255.0.255.0'] }),
      'spec.egress[0].toCIDR[0]',
      'InvalidValue',
      /leading bits/,
    ],
    ['no network in a set', out({ toCIDRSet: [{}] }), 'spec.egress[0].toCIDRSet[0]', 'InvalidValue', /neither/],
    [
      'a network and a group',
      out({ toCIDRSet: [{ cidr: '10.0.0.0/8', cidrGroupRef: 'a' }] }),
      'spec.egress[0].toCIDRSet[0]',
      'InvalidValue',
      /both/,
    ],
    ['an unknown entity', first({ fromEntities: ['wrold'] }), `${at}.fromEntities[0]`, 'InvalidValue', /world/],
    [
      'two forms of a Service',
      out({ toServices: [{ k8sService: { serviceName: 'a' }, k8sServiceSelector: { selector: {} } }] }),
      'spec.egress[0].toServices[0]',
      'InvalidValue',
      /both/,
    ],
    [
      'a name that is none',
      out({ toFQDNs: [{ matchName: 'a..b' }] }),
      'spec.egress[0].toFQDNs[0].matchName',
      'InvalidValue',
    ],
    [
      'a name that is a pattern',
      out({ toFQDNs: [{ matchName: '*.b' }] }),
      'spec.egress[0].toFQDNs[0].matchName',
      'InvalidValue',
    ],
    [
      'a name and a pattern',
      out({ toFQDNs: [{ matchName: 'a', matchPattern: 'b' }] }),
      'spec.egress[0].toFQDNs[0]',
      'InvalidValue',
      /both/,
    ],
    [
      'a label of Cilium itself',
      [['spec.labels', [{ key: 'a', source: 'cilium-generated' }]]],
      'spec.labels[0].source',
      'InvalidValue',
    ],
    ['a label without a key', [['spec.labels', [{ value: 'a' }]]], 'spec.labels[0].key', 'MissingField'],
    [
      'a selector with a bad key',
      first({ fromEndpoints: [{ matchLabels: { 'a b': 'c' } }] }),
      `${at}.fromEndpoints[0].matchLabels["a b"]`,
      'InvalidValue',
    ],
    [
      'a selector with an operator of no kind',
      first({ fromEndpoints: [{ matchExpressions: [{ key: 'a', operator: 'in', values: ['b'] }] }] }),
      `${at}.fromEndpoints[0].matchExpressions[0].operator`,
      'InvalidValue',
      /did you mean In/,
    ],
    [
      'In without values',
      first({ fromEndpoints: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] }),
      `${at}.fromEndpoints[0].matchExpressions[0].values`,
      'MissingField',
    ],
    ['server names that the rules cannot see', l7Names(), `${at}.toPorts[0].serverNames`, 'InvalidValue', /TLS/],
    [
      'a listener on ingress',
      first({ toPorts: [{ ports: [{ port: '80' }], listener: aListener }] }),
      `${at}.toPorts[0].listener`,
      'InvalidValue',
    ],
    [
      'a listener with rules',
      out({ toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }], listener: aListener, rules: { http: [] } }] }),
      'spec.egress[0].toPorts[0].listener',
      'InvalidValue',
    ],
    [
      'nodes from within a namespace',
      [
        ['spec.nodeSelector', {}],
        ['spec.endpointSelector', undefined],
      ],
      'spec.nodeSelector',
      'InvalidValue',
      /Clusterwide/,
    ],
  ]);
});

describe('CiliumClusterwideNetworkPolicy', () => {
  const element = { ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [] } };
  refusals(clusterwide, [
    [
      'L7 for nodes',
      [['spec.ingress', [{}, { toPorts: [element] }]]],
      'spec.ingress[1].toPorts[0].rules',
      'InvalidValue',
      /host policy/,
    ],
  ]);
});

describe('CiliumCIDRGroup', () => {
  refusals(group, [['an address', [['spec.externalCIDRs', ['10.0.0.1']]], 'spec.externalCIDRs[0]', 'InvalidValue']]);
});
