import type { NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule } from '../network-policy.ts';
import {
  type Context,
  check,
  defaulted,
  integer,
  integerOr,
  list,
  map,
  NOTHING,
  object,
  oneOf,
  optional,
  PORT_NAME,
  required,
  type Schema,
  skipped,
  string,
} from '../schema/index.ts';
import { checkExceptions, network } from './network.ts';
import { checkRange } from './policy-ports.ts';
import { labelSelector } from './selector.ts';

const ipBlock = check(
  object({ cidr: required(network), except: defaulted(list(network), []) }),
  // The API server's own rule: an exception is smaller than its block.
  (block, context) => checkExceptions(block, context, true),
);

/** No labels satisfy it: an empty list of peers is everybody. */
const NOBODY: NetworkPolicyPeer = {
  podSelector: {
    matchLabels: {},
    matchExpressions: [
      { key: 'nobody', operator: 'Exists', values: [] },
      { key: 'nobody', operator: 'DoesNotExist', values: [] },
    ],
  },
};

const peerFields = object({
  podSelector: optional(labelSelector),
  namespaceSelector: optional(labelSelector),
  ipBlock: optional(ipBlock),
});

const peer: Schema<NetworkPolicyPeer> = (raw, context) => {
  const unknown = context.unknownFields;
  const errors = context.errors;
  const { ipBlock: block, ...selectors } = peerFields(raw, context) ?? {};
  if (context.errors !== errors) return NOTHING;
  // Of a kind that this version does not know.
  if (context.unknownFields !== unknown) return NOBODY;
  const count = Object.values(selectors).length;
  if (block !== undefined && count === 0) return { ipBlock: block };
  if (block === undefined && count > 0) return selectors;
  if (block === undefined)
    context.error('MissingField', 'is empty', 'write podSelector, namespaceSelector or ipBlock; {} selects all pods');
  else
    context.error('InvalidValue', 'must not be set with podSelector or namespaceSelector', 'write a peer for each', [
      'ipBlock',
    ]);
  return NOTHING;
};

const portNumber = integer(1, 65535);

const policyPort: Schema<NetworkPolicyPort> = map(
  object({
    protocol: defaulted(oneOf('TCP', 'UDP', 'SCTP'), 'TCP'),
    port: optional(integerOr(portNumber, string({ format: PORT_NAME }))),
    endPort: optional(portNumber),
  }),
  ({ endPort, ...rest }, context) => {
    if (endPort === undefined) return rest;
    checkRange(rest.port, endPort, context);
    return endPort === rest.port ? rest : { ...rest, endPort };
  },
);

const ports = defaulted(list(policyPort), []);
const peers = defaulted(list(peer), []);

const ingressRule = allowingOnlyWhatIsKnown(
  map(object({ from: peers, ports }), ({ from, ...rest }) => ({ peers: from, ...rest })),
);
const egressRule = allowingOnlyWhatIsKnown(
  map(object({ to: peers, ports }), ({ to, ...rest }) => ({ peers: to, ...rest })),
);

/** A newer API server may have fields that we do not know, and what these take away would be allowed without them. */
function allowingOnlyWhatIsKnown(rule: Schema<NetworkPolicyRule>): Schema<NetworkPolicyRule> {
  return (raw, context) => {
    const before = context.unknownFields;
    const errors = context.errors;
    const read = rule(raw, context);
    if (context.unknownFields === before || context.errors !== errors) return read;
    context.warning('UnknownField', 'has fields that are not known here, so it allows nothing', 'upgrade Sluice');
    return { ...read, peers: [NOBODY] };
  };
}

const spec = map(
  object({
    podSelector: defaulted(labelSelector, { matchLabels: {}, matchExpressions: [] }),
    policyTypes: optional(
      list(oneOf('Ingress', 'Egress'), { max: 2, unique: { what: 'policy type', key: (type) => type } }),
    ),
    ingress: defaulted(list(ingressRule), []),
    egress: defaulted(list(egressRule), []),
  }),
  ({ policyTypes, ...rest }, context) => {
    const { ingress, egress } = rest;
    // An empty list is what the API server takes for unset.
    const types = policyTypes?.length
      ? policyTypes
      : (['Ingress', ...(egress.length > 0 ? (['Egress'] as const) : [])] as const);
    for (const [type, field, rules] of [
      ['Ingress', 'ingress', ingress],
      ['Egress', 'egress', egress],
    ] as const)
      if (rules.length > 0 && !types.includes(type)) warnOfUnused(type, field, context);
    return { ...rest, policyTypes: types };
  },
);

function warnOfUnused(type: string, field: string, context: Context): void {
  context.warning('InvalidValue', `has no effect: policyTypes does not have ${type}`, `add ${type} to policyTypes`, [
    field,
  ]);
}

export const networkPolicyBody = object({ spec: required(spec), status: skipped });
