import fc from 'fast-check';
import { type EndpointSelector, entityNames, type Peers, type TrafficRule } from '../../../api/index.ts';
import type { PolicyObject } from '../policy-engine-types.ts';
import { ccnp, cnp, networkPolicy, pod, selector } from './objects.ts';

/** Few names, so that things meet. */
const namespaces = ['shop', 'bank'] as const;
export const cidrs = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
  '0.0.0.0/0',
  '::/0',
  'fd00::/8',
  'fd00:1::/32',
];
export const addresses = [
  '10.1.2.3',
  '10.1.2.4',
  '10.1.9.9',
  '10.9.9.9',
  '192.0.2.1',
  'fd00:1::1',
  'fd00:2::1',
  '2001:db8::1',
];
export const groups = ['group red', 'group blue', 'fqdn *.example.org', 'kube-apiserver'];
export const portNames = ['http', 'dns'] as const;

const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);

export const podLabelsArbitrary = fc
  .record({
    namespace: oneOf(...namespaces),
    app: oneOf('web', 'db', 'cache'),
    tier: fc.option(oneOf('front', 'back')),
  })
  .map(({ namespace, app, tier }) =>
    pod(namespace, { app, ...(tier === null ? {} : { tier }) }, { team: namespace === 'shop' ? 'a' : 'b' }),
  );

const requirement = oneOf(
  'app=web',
  'k8s:app=db',
  'app=web,cache',
  '!app=db',
  'tier',
  '!tier',
  'tier=front',
  '!tier=back',
  'k8s:io.kubernetes.pod.namespace=bank',
  'k8s:io.cilium.k8s.namespace.labels.team=a',
  'reserved:host',
  'reserved:remote-node',
  'node:zone=a',
);
export const selectorArbitrary: fc.Arbitrary<EndpointSelector> = fc
  .uniqueArray(requirement, { maxLength: 2 })
  .map((texts) => selector(...texts.sort()));

const cidrPeer = fc.oneof(
  oneOf(...cidrs).map((cidr) => ({ cidr, except: [] })),
  oneOf(['10.0.0.0/8', '10.1.0.0/16'], ['10.1.0.0/16', '10.1.2.0/24'], ['fd00::/8', 'fd00:1::/32']).map(
    ([cidr, except]) => ({
      cidr: cidr!,
      except: [except!],
    }),
  ),
  fc.record({ cidrGroupRef: oneOf('red', 'blue'), except: oneOf([], ['10.1.2.3/32']) }),
);
const servicePeer = fc.oneof(
  fc.record({ name: oneOf('web', 'legacy'), namespace: oneOf(...namespaces) }),
  fc.record({ selector: oneOf(selector('kind=open'), selector('!kind')) }),
);
const nodeSelector = oneOf(
  [],
  selector('zone=a'),
  selector('k8s:zone=b'),
  selector('!zone'),
  selector('role', '!zone=a'),
  selector('reserved:kube-apiserver', 'zone'),
);
const few = { minLength: 0, maxLength: 2 };

const peers = (direction: 'ingress' | 'egress', verdict: 'allow' | 'deny'): fc.Arbitrary<Peers> => {
  const both: fc.Arbitrary<Peers>[] = [
    fc.record({ kind: fc.constant('endpoints' as const), selectors: fc.array(selectorArbitrary, few) }),
    fc.record({ kind: fc.constant('cidrs' as const), cidrs: fc.array(cidrPeer, few) }),
    fc.record({ kind: fc.constant('entities' as const), entities: fc.array(oneOf(...entityNames), few) }),
    fc.record({ kind: fc.constant('nodes' as const), selectors: fc.array(nodeSelector, few) }),
  ];
  if (direction === 'egress') {
    both.push(fc.record({ kind: fc.constant('services' as const), services: fc.array(servicePeer, few) }));
    if (verdict === 'allow')
      both.push(fc.constant({ kind: 'fqdns' as const, fqdns: [{ matchPattern: '*.example.org' }] }));
  }
  return fc.oneof(...both);
};

const port = fc.oneof(
  fc.record({
    port: oneOf<number | string>(0, 53, 80, 443, ...portNames),
    protocol: oneOf('TCP' as const, 'UDP' as const, 'ANY' as const),
  }),
  oneOf([80, 90], [1, 65535], [79, 81], [443, 8443]).map(([first, last]) => ({
    port: first!,
    endPort: last!,
    protocol: 'TCP' as const,
  })),
);
const l7 = oneOf(
  undefined,
  undefined,
  { kind: 'http' as const, http: [] },
  { kind: 'dns' as const, dns: [{ matchPattern: '*' }] },
);

const trafficRule = (direction: 'ingress' | 'egress', verdict: 'allow' | 'deny'): fc.Arbitrary<TrafficRule> =>
  fc
    .record({
      peers: fc.option(peers(direction, verdict), { nil: undefined }),
      requires: fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, fc.constant([selector('tier')])),
      toPorts: fc.array(fc.record({ ports: fc.array(port, { minLength: 1, maxLength: 2 }), l7 }), { maxLength: 2 }),
      icmp: fc.option(fc.record({ family: oneOf('IPv4' as const, 'IPv6' as const), type: oneOf(0, 8, 128) }), {
        nil: undefined,
        freq: 3,
      }),
    })
    .map(({ peers: of, requires, toPorts, icmp }) => ({
      ...(of === undefined ? {} : { peers: of }),
      requires,
      toPorts:
        icmp === undefined
          ? toPorts.map(({ ports, l7: rules }) => ({
              ports,
              serverNames: [],
              ...(rules === undefined || verdict === 'deny' ? {} : { rules }),
            }))
          : [],
      icmps: icmp === undefined ? [] : [icmp],
    }));

const policyRule = (subject: 'endpoints' | 'nodes') =>
  fc.record({
    subject: fc.record({
      kind: fc.constant(subject),
      selector: subject === 'nodes' ? fc.constant([]) : selectorArbitrary,
    }),
    ingress: fc.array(trafficRule('ingress', 'allow'), few),
    ingressDeny: fc.array(trafficRule('ingress', 'deny'), { maxLength: 1 }),
    egress: fc.array(trafficRule('egress', 'allow'), few),
    egressDeny: fc.array(trafficRule('egress', 'deny'), { maxLength: 1 }),
    enableDefaultDeny: oneOf({}, {}, { ingress: false }, { egress: false, ingress: true }),
  });

const podPeer = oneOf(
  { podSelector: { matchLabels: { app: 'web' }, matchExpressions: [] } },
  { namespaceSelector: { matchLabels: { team: 'a' }, matchExpressions: [] } },
  { namespaceSelector: { matchLabels: {}, matchExpressions: [] } },
  { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
);
const kubernetesRule = fc.record({
  peers: fc.array(podPeer, few),
  ports: fc.array(
    fc.record({ protocol: oneOf('TCP' as const, 'UDP' as const), port: oneOf<number | string>(53, 80, ...portNames) }),
    few,
  ),
});

const names = oneOf('a', 'b', 'c', 'd');
export const policyArbitrary: fc.Arbitrary<PolicyObject> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(oneOf(...namespaces), names, policyRule('endpoints'))
      .map(([ns, name, rule]) => cnp(ns, name, rule)),
  },
  fc.tuple(names, policyRule('endpoints')).map(([name, rule]) => ccnp(name, rule)),
  fc.tuple(names, policyRule('nodes')).map(([name, rule]) => ccnp(`host-${name}`, rule)),
  fc
    .tuple(
      oneOf(...namespaces),
      names,
      fc.array(kubernetesRule, few),
      fc.array(kubernetesRule, few),
      oneOf(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
    )
    .map(([ns, name, ingress, egress, types]) =>
      networkPolicy(ns, name, { ingress, egress, policyTypes: types as ('Ingress' | 'Egress')[] }),
    ),
);
