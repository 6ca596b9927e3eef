import type { EndpointSelector, PolicyRule, TrafficRule } from '../cilium-policy.ts';
import type { ObjectMeta } from '../object.ts';
import {
  boolean,
  type Context,
  check,
  defaulted,
  type Field,
  list,
  map,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  skipped,
  string,
} from '../schema/index.ts';
import { endpointSelector } from './endpoint-selector.ts';
import { countOf, members, type ReadPeers, solePeers } from './policy-peers.ts';
import { icmpField, MAX_PORTS } from './policy-ports.ts';
import { denyPortRule, portRule } from './port-rule.ts';

type Direction = 'ingress' | 'egress';

/** As read: the default namespace of Services is not known yet. */
type ReadTraffic = Omit<TrafficRule, 'peers'> & { readonly peers?: ReadPeers };

const icmps = list(object({ fields: defaulted(list(icmpField, { max: MAX_PORTS }), []) }));

/** One element of `ingress`, `ingressDeny`, `egress` or `egressDeny`. */
function trafficRule(direction: Direction, verdict: 'allow' | 'deny'): Schema<ReadTraffic> {
  const prefix = direction === 'ingress' ? 'from' : 'to';
  const mine = members.filter(
    ({ egressOnly, allowOnly }) => (direction === 'egress' || !egressOnly) && (verdict === 'allow' || !allowOnly),
  );
  const names = mine.map(({ name }) => `${prefix}${name}`);
  const requires = `${prefix}Requires`;
  const peerFields: Record<string, Field> = Object.fromEntries(
    mine.map(({ schema }, i) => [names[i] as string, optional(schema)]),
  );
  const fields = object({
    ...peerFields,
    [requires]: defaulted(list(endpointSelector), []),
    toPorts: defaulted(list(verdict === 'allow' ? portRule(direction) : denyPortRule), []),
    icmps: optional(icmps),
    ...(verdict === 'allow'
      ? { authentication: optional(object({ mode: required(oneOf('disabled', 'required', 'test-always-fail')) })) }
      : {}),
  }) as Schema<Record<string, unknown>>;
  const element: Schema<ReadTraffic> = map(fields, (read, context) => {
    const peers = solePeers(
      new Map(names.flatMap((name) => (read[name] === undefined ? [] : [[name, read[name] as ReadPeers]]))),
      verdict,
      context,
    );
    const toPorts = read.toPorts as TrafficRule['toPorts'];
    const types = (read.icmps as ReturnType<typeof icmps> | undefined)?.flatMap((each) => each.fields) ?? [];
    const mode = (read.authentication as { readonly mode: TrafficRule['authentication'] } | undefined)?.mode;
    checkIcmps(read, context);
    if (mode === 'required' || mode === 'test-always-fail')
      context.warning(
        'Unsupported',
        `is ${mode}, but peers are not authenticated here, so the element allows nothing`,
        'remove authentication to allow the peers without it',
        ['authentication', 'mode'],
      );
    return {
      ...(peers === undefined ? {} : { peers }),
      requires: read[requires] as readonly EndpointSelector[],
      toPorts,
      icmps: types,
      ...(mode === undefined ? {} : { authentication: mode }),
    };
  });
  return withUnknownFields(element, verdict);
}

const NOBODY: ReadPeers = { kind: 'endpoints', selectors: [] };
const EVERYBODY: ReadPeers = { kind: 'entities', entities: ['all'] };

/**
 * An API server may have newer CustomResourceDefinitions than we know. What a field that we do not know takes away would be allowed
 * without it, so its element allows nothing; what denies denies more without it, also where the field is all that it has.
 */
function withUnknownFields(element: Schema<ReadTraffic>, verdict: 'allow' | 'deny'): Schema<ReadTraffic> {
  return (raw, context) => {
    const before = context.unknownFields;
    const errors = context.errors;
    const read = element(raw, context);
    if (context.unknownFields === before || context.errors !== errors) return read;
    const outcome = verdict === 'allow' ? 'allows nothing' : 'denies all that they may be about';
    context.warning(
      'UnknownField',
      `has fields that are not known here, so it ${outcome}`,
      'remove them, or upgrade Sluice',
    );
    return verdict === 'allow' ? { ...read, peers: NOBODY } : denyingAll(read);
  };
}

/** Where nothing that is known says whom it denies, or at which ports, it is everybody, and all of them. */
function denyingAll({ peers, toPorts, ...rest }: ReadTraffic): ReadTraffic {
  const ports = toPorts.some((one) => one.ports.length === 0) ? [] : toPorts;
  const isNobody = peers === undefined ? ports.length + rest.icmps.length === 0 : countOf(peers) === 0;
  const others = isNobody ? EVERYBODY : peers;
  return { ...rest, toPorts: ports, ...(others === undefined ? {} : { peers: others }) };
}

/** `icmps` without fields would read as no `icmps` at all, which is all of IP. */
function checkIcmps(read: Readonly<Record<string, unknown>>, context: Context): void {
  const all = read.icmps as ReturnType<typeof icmps> | undefined;
  if (all === undefined) return;
  if ((read.toPorts as readonly unknown[]).length > 0)
    context.error('InvalidValue', 'must not be set with toPorts', 'write an element for the ports and one for ICMP', [
      'icmps',
    ]);
  else if (all.every(({ fields }) => fields.length === 0))
    context.error('MissingField', 'has no fields', 'list types of ICMP, or remove icmps', ['icmps']);
}

const ruleLabel = map(
  object({ key: required(string({ min: 1 })), value: optional(string()), source: optional(string()) }),
  ({ key, value, source }, context) => {
    if (source === GENERATED)
      context.error(
        'InvalidValue',
        `is ${GENERATED}, which is for labels that Cilium itself makes`,
        'use another one',
        ['source'],
      );
    return { source: source || 'unspec', key, value: value ?? '' };
  },
);
const GENERATED = 'cilium-generated';

const ruleFields = object({
  endpointSelector: optional(endpointSelector),
  nodeSelector: optional(endpointSelector),
  description: optional(string()),
  labels: defaulted(list(ruleLabel), []),
  ingress: optional(list(trafficRule('ingress', 'allow'))),
  ingressDeny: optional(list(trafficRule('ingress', 'deny'))),
  egress: optional(list(trafficRule('egress', 'allow'))),
  egressDeny: optional(list(trafficRule('egress', 'deny'))),
  enableDefaultDeny: defaulted(object({ ingress: optional(boolean), egress: optional(boolean) }), {}),
});

type ReadRule = Omit<PolicyRule, 'field' | 'ingress' | 'ingressDeny' | 'egress' | 'egressDeny'> & {
  readonly [S in Section]: readonly ReadTraffic[];
};
const sections = ['ingress', 'ingressDeny', 'egress', 'egressDeny'] as const;
type Section = (typeof sections)[number];

const rule: Schema<ReadRule> = map(
  check(ruleFields, (read, context) => {
    for (const section of sections)
      if (read[section]?.length === 0)
        context.warning('InvalidValue', 'is empty, so it has no effect', `write ${section}: [{}] for default deny`, [
          section,
        ]);
  }),
  ({ endpointSelector: endpoints, nodeSelector: nodes, ...rest }, context): ReadRule => {
    const { ingress = [], ingressDeny = [], egress = [], egressDeny = [], ...others } = rest;
    if ((endpoints === undefined) === (nodes === undefined))
      context.error(
        'InvalidValue',
        endpoints === undefined
          ? 'has neither endpointSelector nor nodeSelector'
          : 'has both endpointSelector and nodeSelector',
        'set exactly one of the two; endpointSelector: {} is every endpoint',
      );
    else if (nodes !== undefined) checkHostPolicy({ ingress, egress }, context);
    return {
      ...others,
      subject:
        nodes === undefined
          ? { kind: 'endpoints', selector: endpoints as EndpointSelector }
          : { kind: 'nodes', selector: nodes },
      ingress,
      ingressDeny,
      egress,
      egressDeny,
    };
  },
);

function checkHostPolicy(
  rules: Readonly<Record<Direction, readonly Pick<TrafficRule, 'toPorts'>[]>>,
  context: Context,
): void {
  for (const direction of ['ingress', 'egress'] as const)
    for (const [i, { toPorts }] of rules[direction].entries())
      for (const [j, { rules: l7, listener }] of toPorts.entries())
        if (l7 !== undefined || listener !== undefined)
          context.error(
            'InvalidValue',
            'is not possible in a host policy',
            'a nodeSelector takes rules up to L4: remove it, or select endpoints',
            [direction, i, 'toPorts', j, l7 === undefined ? 'listener' : 'rules'],
          );
}

export const ciliumPolicyBody = object({
  spec: optional(rule),
  specs: optional(list(rule)),
  status: skipped,
});
type Body = ReturnType<typeof ciliumPolicyBody>;

/** Rules alone, as `cilium policy import` has them. */
export const ciliumRuleList: Schema<readonly PolicyRule[]> = map(list(rule), (specs, context) =>
  finishPolicy({}, { specs }, context).rules.map((each) => ({ ...each, field: 'spec' })),
);

/** What needs to know where the policy is. `namespace` is undefined in a clusterwide policy. */
export function finishPolicy(
  { namespace }: Pick<ObjectMeta, 'namespace'>,
  { spec, specs }: Body,
  context: Context,
): { readonly rules: readonly PolicyRule[] } {
  if (spec === undefined && specs === undefined)
    context.error('MissingField', 'is missing', 'a policy needs spec, with one rule, or specs, with a list of them', [
      'spec',
    ]);
  if (specs?.length === 0 && spec === undefined)
    context.warning('InvalidValue', 'is empty, so the policy has no effect', 'add a rule', ['specs']);
  const all = [
    ...(spec === undefined ? [] : [{ path: ['spec'], read: spec }]),
    ...(specs ?? []).map((read, i) => ({ path: ['specs', i], read })),
  ];
  return {
    rules: all.map(({ path, read }) => {
      const { ingress, ingressDeny, egress, egressDeny, subject, ...rest } = read;
      const finish = (traffic: readonly ReadTraffic[]) => traffic.map((each) => finishTraffic(each, namespace));
      return {
        field: path.length === 1 ? 'spec' : `specs[${path[1]}]`,
        ...rest,
        subject: finishSubject(subject, namespace, path, context),
        ingress: finish(ingress),
        ingressDeny: finish(ingressDeny),
        egress: finish(egress),
        egressDeny: finish(egressDeny),
      };
    }),
  };
}

function finishTraffic({ peers, ...rest }: ReadTraffic, namespace: string | undefined): TrafficRule {
  if (peers === undefined) return rest;
  if (peers.kind !== 'services') return { peers, ...rest };
  const services = peers.services.map((each) =>
    'name' in each ? { name: each.name, namespace: each.namespace ?? namespace ?? 'default' } : each,
  );
  return { peers: { kind: 'services', services }, ...rest };
}

const POD_NAMESPACE = 'io.kubernetes.pod.namespace';

/** Nobody may select another namespace's pods, nor nodes, from within a namespace. */
function finishSubject(
  subject: PolicyRule['subject'],
  namespace: string | undefined,
  path: readonly (string | number)[],
  context: Context,
): PolicyRule['subject'] {
  if (namespace === undefined) return subject;
  if (subject.kind === 'nodes') {
    context.error(
      'InvalidValue',
      'is not possible in a CiliumNetworkPolicy',
      'nodes belong to no namespace: use a CiliumClusterwideNetworkPolicy',
      [...path, 'nodeSelector'],
    );
    return subject;
  }
  const foreign = subject.selector.filter(
    ({ source, key, operator, values }) =>
      key === POD_NAMESPACE &&
      (source === 'any' || source === 'k8s') &&
      operator === 'In' &&
      !values.includes(namespace),
  );
  if (foreign.length === 0) return subject;
  context.warning(
    'NamespaceIgnored',
    `selects namespace ${foreign[0]?.values.join(', ')}, but the policy is about pods of its own namespace ${namespace} only`,
    `remove ${POD_NAMESPACE}, or use a CiliumClusterwideNetworkPolicy`,
    [...path, 'endpointSelector'],
  );
  return { ...subject, selector: subject.selector.filter((each) => !foreign.includes(each)) };
}
