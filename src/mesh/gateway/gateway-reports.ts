import { type Diagnostic, GATEWAY_GROUP, type Gateway, type ObjectRef, refOf } from '../../api/index.ts';
import type { Collection, DerivedCollection, Fetch, Index, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Condition } from '../model/index.ts';
import { condition, diagnosticOf, holds, joined, type Problem } from './conditions.ts';
import { classOf } from './gateway-class.ts';
import type { GatewayModel, ListenerModel } from './gateway-model.ts';
import type { AttachedSet } from './merged-listeners.ts';
import { type Report, reportEntry } from './report.ts';
import type { RouteProgram, Rules } from './route-program.ts';

/** Routes by the listeners that count them. */
export type CountIndexes = readonly Index<RouteProgram<Rules>>[];

/**
 * Status of each Gateway and of its ListenerSets. The only place where the number of routes shows: one more route costs a
 * look-up for each listener here, and nothing in what the Gateway serves.
 */
export function deriveGatewayReports(
  store: Store,
  models: Collection<GatewayModel>,
  counts: CountIndexes,
): DerivedCollection<Report> {
  return store.derive<GatewayModel, Report>(models, {
    name: 'gateway.reports',
    map: (fetch, model) => [
      ...reportEntry(gatewayReport(fetch, model, counts)),
      ...model.sets.flatMap((set) => reportEntry(setReport(fetch, model, set, counts))),
    ],
  });
}

/** A class that does not exist is most often a slip; where it is another controller's, it does exist. */
export function deriveUnknownClassReports(store: Store, tables: Tables): DerivedCollection<Report> {
  return store.derive<Gateway, Report>(tables.Gateway, {
    name: 'gateway.unknown-classes',
    map: (fetch, gateway) => {
      const { gatewayClassName } = gateway.spec;
      if (classOf(fetch, tables, gatewayClassName).type !== 'unknown') return [];
      const problem: Problem = {
        reason: 'GatewayClassNotFound',
        message: `GatewayClass ${gatewayClassName} does not exist, so nothing serves this Gateway`,
        hint: 'use gatewayClassName: cilium, or create the GatewayClass',
        field: 'spec.gatewayClassName',
      };
      const ref = refOf(gateway);
      return reportEntry({ ref, diagnostics: [diagnosticOf(ref, problem, 'warning')] });
    },
  });
}

function gatewayReport(fetch: Fetch, model: GatewayModel, counts: CountIndexes): Report {
  const { ref, generation } = model;
  const own = listenersOf(model, ref);
  const conditions: Condition[] = [
    acceptedCondition(model.accepted, own, generation),
    holds('Programmed', model.programmed, generation, 'Programmed'),
    holds('ResolvedRefs', model.resolvedRefs, generation, 'ResolvedRefs'),
    addressesCondition(model),
  ];
  if (model.insecureValidation)
    conditions.push(
      condition(
        'InsecureFrontendValidationMode',
        'True',
        'ConfigurationChanged',
        'clients without a valid certificate are let in (AllowInsecureFallback)',
        generation,
      ),
    );
  const value = {
    addresses: model.addresses.map((address) => ({ type: 'IPAddress', value: address })),
    conditions,
    listeners: own.map((one) => listenerStatus(fetch, one, generation, counts)),
    attachedListenerSets: model.sets.filter((set) => setProblem(model, set) === undefined).length,
  };
  return { ref, status: { ref, value }, diagnostics: [...model.diagnostics, ...listenerDiagnostics(ref, own)] };
}

/** A part of the listeners is enough: the reason tells that it is a part. */
function acceptedCondition(
  problem: Problem | undefined,
  listeners: readonly ListenerModel[],
  generation: number,
): Condition {
  if (problem !== undefined) return holds('Accepted', problem, generation, 'Accepted');
  const bad = listeners.filter(({ accepted }) => accepted !== undefined).map(({ listener }) => listener.name);
  return bad.length === 0
    ? condition('Accepted', 'True', 'Accepted', '', generation)
    : condition('Accepted', 'True', 'ListenersNotValid', `listeners not accepted: ${bad.join(', ')}`, generation);
}

function addressesCondition({ addresses, addressesAssigned: problem, accepted, generation }: GatewayModel): Condition {
  const type = 'AddressesAssigned';
  if (problem !== undefined) {
    const reason = addresses.length === 0 ? 'NotAssigned' : 'PartiallyAssigned';
    return condition(type, 'False', reason, problem.message, generation);
  }
  return addresses.length === 0
    ? condition(type, 'False', 'NotAssigned', accepted?.message ?? '', generation)
    : condition(type, 'True', 'AddressesAssigned', '', generation);
}

function setReport(fetch: Fetch, model: GatewayModel, set: AttachedSet, counts: CountIndexes): Report {
  const { ref, generation } = set;
  const own = listenersOf(model, ref);
  const problem = setProblem(model, set);
  const programmed = problem ?? setNotProgrammed(model, own);
  const conditions = [
    acceptedCondition(problem, own, generation),
    holds(
      'Programmed',
      programmed?.reason === 'ParentNotAccepted' ? { ...programmed, reason: 'ParentNotProgrammed' } : programmed,
      generation,
      'Programmed',
    ),
  ];
  const listeners = own.map((one) => listenerStatus(fetch, one, generation, counts));
  const whole = problem === undefined || problem.reason === 'ListenersNotValid' ? [] : [diagnosticOf(ref, problem)];
  return {
    ref,
    status: { ref, value: { conditions, listeners } },
    diagnostics: [...whole, ...listenerDiagnostics(ref, own)],
  };
}

/** Why a ListenerSet is not accepted. */
function setProblem(model: GatewayModel, { ref, refused }: AttachedSet): Problem | undefined {
  if (refused !== undefined) return refused;
  const gateway = `Gateway ${model.ref.namespace}/${model.ref.name}`;
  if (model.accepted !== undefined && model.accepted.reason !== 'ListenersNotValid')
    return {
      reason: 'ParentNotAccepted',
      message: `${gateway} is not accepted`,
      hint: 'see the Gateway',
      field: 'spec.parentRef',
    };
  const own = listenersOf(model, ref);
  if (own.some(({ accepted }) => accepted === undefined)) return undefined;
  return {
    reason: 'ListenersNotValid',
    message: `no listener is valid${own[0]?.accepted === undefined ? '' : `: ${own[0].accepted.message}`}`,
    hint: own[0]?.accepted?.hint ?? 'add a listener',
    field: 'spec.listeners',
  };
}

function setNotProgrammed(model: GatewayModel, own: readonly ListenerModel[]): Problem | undefined {
  if (own.some(({ programmed }) => programmed === undefined)) return undefined;
  const cause = own[0]?.programmed ?? model.programmed;
  return { reason: 'Invalid', message: cause?.message ?? 'no listener can be programmed', hint: cause?.hint ?? '' };
}

function listenersOf(model: GatewayModel, { kind, namespace, name }: ObjectRef): ListenerModel[] {
  return model.listeners.filter(
    ({ owner }) => owner.kind === kind && owner.namespace === namespace && owner.name === name,
  );
}

function listenerStatus(
  fetch: Fetch,
  one: ListenerModel,
  generation: number,
  counts: CountIndexes,
): Readonly<Record<string, unknown>> {
  const conditions: Condition[] = [
    holds('Accepted', one.accepted, generation, 'Accepted'),
    holds('Programmed', one.programmed, generation, 'Programmed'),
    holds('ResolvedRefs', joined(one.resolvedRefs), generation, 'ResolvedRefs'),
    one.conflict === undefined
      ? condition('Conflicted', 'False', 'NoConflicts', '', generation)
      : condition('Conflicted', 'True', one.conflict.reason, one.conflict.message, generation),
  ];
  // Of negative polarity, and not to be set when it is False.
  if (one.overlap !== undefined)
    conditions.push(condition('OverlappingTLSConfig', 'True', one.overlap.reason, one.overlap.message, generation));
  return {
    name: one.listener.name,
    supportedKinds: one.kinds.map((kind) => ({ group: GATEWAY_GROUP, kind })),
    attachedRoutes: counts.reduce((sum, index) => sum + fetch.count(index, one.id), 0),
    conditions,
  };
}

function listenerDiagnostics(ref: ObjectRef, listeners: readonly ListenerModel[]): Diagnostic[] {
  return listeners.flatMap(({ accepted, resolvedRefs }) => {
    // Where no authority is left, what was wrong with each says it already.
    const refused = accepted === undefined || (accepted.reason === 'NoValidCACertificate' && resolvedRefs.length > 0);
    return [...(refused ? [] : [accepted]), ...resolvedRefs].map((problem) => diagnosticOf(ref, problem));
  });
}
