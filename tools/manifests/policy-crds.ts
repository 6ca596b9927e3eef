import { entityNames } from '../../src/api/index.ts';
import type { CrdSource } from './crd.ts';
import { cidr, conditions, endpointSelector, list, type Schema, text } from './schema.ts';

/*
 * No rules in CEL: in lists within lists without end they cost more than an API server allows. What takes more than one field to
 * see is the parser's to refuse, and stands on the policy's status.
 */

const object = (
  description: string,
  properties: Readonly<Record<string, Schema>>,
  required?: readonly string[],
): Schema => ({
  type: 'object',
  description,
  properties,
  ...(required === undefined ? {} : { required }),
});
const selectors = (description: string): Schema => list(description, endpointSelector('Labels; {} is everyone.'));
const selector = (description: string): Schema => endpointSelector(description);

const ports = (description: string): Schema => ({
  ...list(
    description,
    object(
      'A port, or a range of them.',
      {
        port: {
          type: 'string',
          description: 'A number from 0, which is all ports, to 65535, or the name of a port of the receiver.',
          minLength: 1,
          maxLength: 15,
          pattern: '^(0|[1-9][0-9]{0,4}|[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)$',
        },
        endPort: {
          type: 'integer',
          description: 'The last port of a range, which begins with port.',
          minimum: 0,
          maximum: 65535,
        },
        protocol: {
          type: 'string',
          description: 'ANY where it is absent: TCP, UDP and SCTP.',
          enum: ['TCP', 'UDP', 'SCTP', 'ANY'],
        },
      },
      ['port'],
    ),
  ),
  maxItems: 40,
});

const secret = (description: string): Schema =>
  object(description, { namespace: text('Its namespace.'), name: { ...text('Its name.'), minLength: 1 } }, ['name']);

const http = object('What a request must be; what is absent may be anything.', {
  method: text('A regular expression on the whole of the method.'),
  path: text('A regular expression on the whole of the path.'),
  host: text('A regular expression on the whole of the host.'),
  headers: list('Headers that must be there: Name, or Name: value.', { type: 'string' }),
  headerMatches: list(
    'Headers with a value that must be right, and what is done where it is not.',
    object(
      'One header.',
      {
        name: { ...text('Name of the header.'), minLength: 1 },
        value: text('The value that it must have.'),
        secret: secret('A Secret that has the value.'),
        mismatch: {
          type: 'string',
          description: 'Instead of a refusal: log it, or add, delete or replace the header.',
          enum: ['LOG', 'ADD', 'DELETE', 'REPLACE'],
        },
      },
      ['name'],
    ),
  ),
});

const kafka = object('What a Kafka request must be; what is absent may be anything.', {
  role: { type: 'string', description: 'All API keys of a producer or a consumer.', enum: ['produce', 'consume'] },
  apiKey: text('One API key, by name.'),
  apiVersion: text('Version of the request, a number.'),
  clientID: text('Identifier of the client.'),
  topic: { ...text('Name of the topic.'), maxLength: 255 },
});

const fqdn = object('A DNS name, or a pattern of names: one of the two.', {
  matchName: {
    ...text('The name.'),
    maxLength: 255,
    pattern: '^[-a-zA-Z0-9_]+(\\.[-a-zA-Z0-9_]+)*\\.?$',
  },
  matchPattern: {
    ...text('Names, with * for any characters but dots; * alone is every name.'),
    maxLength: 255,
    pattern: '^[-a-zA-Z0-9_*]+(\\.[-a-zA-Z0-9_*]+)*\\.?$',
  },
});

const tls = (description: string): Schema =>
  object(
    description,
    {
      secret: secret('The Secret with certificates and keys.'),
      trustedCA: text('Its key with the CAs to trust.'),
      certificate: text('Its key with the certificate.'),
      privateKey: text('Its key with the private key.'),
    },
    ['secret'],
  );

const allowPorts = list(
  'Ports; all of them where this is absent.',
  object('Ports, and what may be said on them.', {
    ports: ports('Ports of the receiver.'),
    rules: object('What may be said on these ports, in one protocol.', {
      http: list('HTTP requests.', http),
      kafka: list('Kafka requests.', kafka),
      dns: list('DNS queries, on egress.', fqdn),
      l7proto: { ...text('Name of a parser of another protocol.'), minLength: 1 },
      l7: list('What that parser takes.', {
        type: 'object',
        description: 'Keys and values of the parser.',
        additionalProperties: { type: 'string' },
      }),
    }),
    terminatingTLS: tls('TLS ends here, with these certificates.'),
    originatingTLS: tls('TLS begins here again, towards the server.'),
    serverNames: list('Names in the SNI that are allowed; all of them where there are none.', {
      type: 'string',
      minLength: 1,
    }),
    listener: object(
      'The traffic goes to this listener, on egress.',
      {
        envoyConfig: object(
          'Where the listener is.',
          {
            kind: {
              type: 'string',
              description: 'Its kind.',
              enum: ['CiliumEnvoyConfig', 'CiliumClusterwideEnvoyConfig'],
            },
            name: { ...text('Its name.'), minLength: 1 },
          },
          ['kind', 'name'],
        ),
        name: { ...text('Name of the listener in it.'), minLength: 1 },
        priority: {
          type: 'integer',
          description: 'Which listener wins where several are named: the lowest number.',
          minimum: 1,
          maximum: 100,
        },
      },
      ['envoyConfig', 'name'],
    ),
  }),
);
const denyPorts = list(
  'Ports; all of them where this is absent.',
  object('Ports.', { ports: ports('Ports of the receiver.') }),
);

const icmps = list(
  'Types of ICMP, in the place of ports.',
  object('Types of ICMP.', {
    fields: {
      ...list(
        'Types.',
        object(
          'One type.',
          {
            family: { type: 'string', description: 'IPv4 where it is absent.', enum: ['IPv4', 'IPv6'] },
            type: {
              description: 'Its number, or its name: EchoRequest.',
              'x-kubernetes-int-or-string': true,
              anyOf: [{ type: 'integer' }, { type: 'string' }],
              // Each is about its own type alone.
              minimum: 0,
              maximum: 255,
              pattern: '^[A-Z][a-zA-Z0-9]*$',
            },
          },
          ['type'],
        ),
      ),
      maxItems: 40,
    },
  }),
);

/** Bare addresses count as networks of one. */
const networks = (description: string): Schema =>
  list(description, {
    type: 'string',
    anyOf: [{ format: 'cidr' }, { format: 'ipv4' }, { format: 'ipv6' }],
  });
const networkSet = (description: string): Schema =>
  list(
    description,
    object('A network, or a group of them: one of the two.', {
      cidr: cidr('A network.'),
      cidrGroupRef: { ...text('Name of a CiliumCIDRGroup.'), minLength: 1, maxLength: 253 },
      except: list('Networks within it that are not meant.', { type: 'string', anyOf: [{ format: 'cidr' }] }),
    }),
  );
const entities = (description: string): Schema => list(description, { type: 'string', enum: entityNames });
const groups = (description: string): Schema =>
  list(
    description,
    object('A group of a cloud provider.', {
      aws: object('Of AWS.', {
        labels: { type: 'object', description: 'Tags of instances.', additionalProperties: { type: 'string' } },
        region: text('The region.'),
        securityGroupsIds: list('Security groups by identifier.', { type: 'string' }),
        securityGroupsNames: list('Security groups by name.', { type: 'string' }),
      }),
    }),
  );

const authentication = object(
  'How the two sides must have proven who they are.',
  {
    mode: {
      type: 'string',
      description: 'Whether it is asked for.',
      enum: ['disabled', 'required', 'test-always-fail'],
    },
  },
  ['mode'],
);

const services = list(
  'Services, whose endpoints are meant.',
  object('Services by name or by labels: one of the two.', {
    k8sService: object(
      'One Service.',
      {
        serviceName: { ...text('Its name.'), minLength: 1, maxLength: 63 },
        namespace: text("Its namespace; the policy's own where it is absent."),
      },
      ['serviceName'],
    ),
    k8sServiceSelector: object(
      'Services with labels.',
      { selector: selector('Their labels.'), namespace: text('Their namespace; all of them where it is absent.') },
      ['selector'],
    ),
  }),
);

function peers(direction: 'from' | 'to', verdict: 'allow' | 'deny'): Readonly<Record<string, Schema>> {
  return {
    [`${direction}Endpoints`]: selectors(
      'Endpoints by labels; in a CiliumNetworkPolicy of its own namespace, unless they name one.',
    ),
    [`${direction}Requires`]: selectors('What every endpoint must be that a rule of this direction allows.'),
    [`${direction}CIDR`]: networks('Networks and addresses outside of the cluster.'),
    [`${direction}CIDRSet`]: networkSet('Networks outside of the cluster, with exceptions.'),
    [`${direction}Entities`]: entities('Sides that have a name.'),
    [`${direction}Groups`]: groups('Groups of a cloud provider.'),
    [`${direction}Nodes`]: selectors('Nodes by labels.'),
    ...(direction === 'to' ? { toServices: services } : {}),
    ...(direction === 'to' && verdict === 'allow'
      ? { toFQDNs: list('DNS names, as endpoints have looked them up.', fqdn) }
      : {}),
  };
}

function section(direction: 'from' | 'to', verdict: 'allow' | 'deny', description: string): Schema {
  return list(
    description,
    object('What is meant: the other side, and the ports. All of it must hold.', {
      ...peers(direction, verdict),
      toPorts: verdict === 'allow' ? allowPorts : denyPorts,
      icmps,
      ...(verdict === 'allow' ? { authentication } : {}),
    }),
  );
}

const rule = (description: string): Schema =>
  object(description, {
    endpointSelector: selector('Endpoints that the rule is for, by labels; {} is all of them.'),
    nodeSelector: selector(
      'Nodes that the rule is for, by labels; in a CiliumClusterwideNetworkPolicy, in the place of endpointSelector.',
    ),
    description: text('For people.'),
    labels: list(
      'Labels of the rule itself.',
      object(
        'One label.',
        { key: { ...text('Its key.'), minLength: 1 }, value: text('Its value.'), source: text('Where it comes from.') },
        ['key'],
      ),
    ),
    ingress: section('from', 'allow', 'What may come in. With any element the endpoints refuse what no rule allows.'),
    ingressDeny: section('from', 'deny', 'What may not come in, whatever is allowed.'),
    egress: section('to', 'allow', 'What may go out. With any element the endpoints refuse what no rule allows.'),
    egressDeny: section('to', 'deny', 'What may not go out, whatever is allowed.'),
    enableDefaultDeny: object('Whether the endpoints refuse what no rule allows, apart from what the rule says.', {
      ingress: {
        type: 'boolean',
        description: 'On the way in; where it is absent, if ingress or ingressDeny has an element.',
      },
      egress: {
        type: 'boolean',
        description: 'On the way out; where it is absent, if egress or egressDeny has an element.',
      },
    }),
  });

const policy: Pick<CrdSource, 'versions' | 'spec' | 'more' | 'required' | 'status' | 'columns'> = {
  versions: ['v2'],
  spec: rule('One rule.'),
  more: { specs: list('More rules.', rule('One rule.')) },
  required: [],
  status: {
    type: 'object',
    description: 'Whether the policy is in force.',
    properties: { conditions },
    // Cilium's agents write here what each node has made of it.
    'x-kubernetes-preserve-unknown-fields': true,
  },
  columns: [
    {
      name: 'Valid',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Valid")].status',
      description: 'Whether the policy is right, and so in force.',
    },
  ],
};

export const networkPolicyCrd: CrdSource = {
  kind: 'CiliumNetworkPolicy',
  plural: 'ciliumnetworkpolicies',
  shortNames: ['cnp', 'ciliumnp'],
  namespaced: true,
  description: 'What the endpoints of a namespace may receive and send.',
  ...policy,
};

export const clusterwideNetworkPolicyCrd: CrdSource = {
  kind: 'CiliumClusterwideNetworkPolicy',
  plural: 'ciliumclusterwidenetworkpolicies',
  shortNames: ['ccnp'],
  namespaced: false,
  description: 'What endpoints of all namespaces, or nodes, may receive and send.',
  ...policy,
};

export const cidrGroupCrd: CrdSource = {
  kind: 'CiliumCIDRGroup',
  plural: 'ciliumcidrgroups',
  shortNames: ['ccg'],
  namespaced: false,
  versions: ['v2', 'v2alpha1'],
  description: 'Networks that policies refer to by the name of the group.',
  spec: object('The networks.', {
    externalCIDRs: list('Networks outside of the cluster.', { type: 'string', anyOf: [{ format: 'cidr' }] }),
  }),
  columns: [],
};
