import { type Diagnostic, GATEWAY_GROUP, type Gateway, type ObjectRef, refKey, refOf } from '../../api/index.ts';
import type { Collection, DerivedCollection, Index, Store } from '../../store/index.ts';
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

/** All of a Gateway's or ListenerSet's report but the numbers of its listeners' routes. */
interface UncountedReport {
  readonly ref: ObjectRef;
  readonly value: Readonly<Record<string, unknown>>;
  readonly listeners: readonly { readonly id: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Status of each Gateway and of its ListenerSets. The only place where the number of routes shows, and the last one: one more
 * route costs a look-up for each listener of the object that it is attached to, and nothing in what is served.
 */
export function deriveGatewayReports(
  store: Store,
  models: Collection<GatewayModel>,
  counts: CountIndexes,
): DerivedCollection<Report> {
  const uncounted = store.derive<GatewayModel, UncountedReport>(models, {
    name: 'gateway.uncounted-reports',
    map: (_fetch, model) => {
      const byOwner = Map.groupBy(model.listeners, ({ owner }) => refKey(owner));
      const reports = [
        gatewayReport(model, byOwner),
        ...model.sets.map((set) => setReport(model, set, ownListeners(byOwner, set.ref))),
      ];
      return reports.map((report) => [refKey(report.ref), report]);
    },
  });
  return store.derive<UncountedReport, Report>(uncounted, {
    name: 'gateway.reports',
    map: (fetch, { ref, value, listeners, diagnostics }) => {
      const counted = listeners.map((one) => ({
        ...one.value,
        attachedRoutes: counts.reduce((sum, index) => sum + fetch.count(index, one.id), 0),
      }));
      return reportEntry({ ref, status: { ref, value: { ...value, listeners: counted } }, diagnostics });
    },
  });
}

type ByOwner = ReadonlyMap<string, readonly ListenerModel[]>;

function ownListeners(byOwner: ByOwner, ref: ObjectRef): readonly ListenerModel[] {
  return byOwner.get(refKey(ref)) ?? [];
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

function gatewayReport(model: GatewayModel, byOwner: ByOwner): UncountedReport {
  const { ref, generation } = model;
  const own = ownListeners(byOwner, ref);
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
  const attached = model.sets.filter((set) => setProblem(model, set, ownListeners(byOwner, set.ref)) === undefined);
  return {
    ref,
    value: {
      addresses: model.published.map((address) => ({ type: 'IPAddress', value: address })),
      conditions,
      attachedListenerSets: attached.length,
    },
    listeners: own.map((one) => listenerStatus(one, generation)),
    diagnostics: [...model.diagnostics, ...listenerDiagnostics(ref, own)],
  };
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

function setReport(model: GatewayModel, set: AttachedSet, own: readonly ListenerModel[]): UncountedReport {
  const { ref, generation } = set;
  const problem = setProblem(model, set, own);
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
  const whole = problem === undefined || problem.reason === 'ListenersNotValid' ? [] : [diagnosticOf(ref, problem)];
  return {
    ref,
    value: { conditions },
    listeners: own.map((one) => listenerStatus(one, generation)),
    diagnostics: [...whole, ...listenerDiagnostics(ref, own)],
  };
}

/** Why a ListenerSet is not accepted. */
function setProblem(model: GatewayModel, { refused }: AttachedSet, own: readonly ListenerModel[]): Problem | undefined {
  if (refused !== undefined) return refused;
  const gateway = `Gateway ${model.ref.namespace}/${model.ref.name}`;
  if (model.accepted !== undefined && model.accepted.reason !== 'ListenersNotValid')
    return {
      reason: 'ParentNotAccepted',
      message: `${gateway} is not accepted`,
      hint: 'see the Gateway',
      field: 'spec.parentRef',
    };
  // Stricter than for a Gateway, as the conformance suite asks: listeners whose references are all broken don't count.
  if (own.some(({ accepted, useless }) => accepted === undefined && useless === undefined)) return undefined;
  const cause = own[0]?.programmed;
  return {
    reason: 'ListenersNotValid',
    message: `no listener is valid${cause === undefined ? '' : `: ${cause.message}`}`,
    hint: cause?.hint ?? 'add a listener',
    field: 'spec.listeners',
  };
}

function setNotProgrammed(model: GatewayModel, own: readonly ListenerModel[]): Problem | undefined {
  if (own.some(({ programmed }) => programmed === undefined)) return undefined;
  const cause = own[0]?.programmed ?? model.programmed;
  return { reason: 'Invalid', message: cause?.message ?? 'no listener can be programmed', hint: cause?.hint ?? '' };
}

function listenerStatus(one: ListenerModel, generation: number): UncountedReport['listeners'][number] {
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
  const supportedKinds = one.kinds.map((kind) => ({ group: GATEWAY_GROUP, kind }));
  return { id: one.id, value: { name: one.listener.name, supportedKinds, conditions } };
}

function listenerDiagnostics(ref: ObjectRef, listeners: readonly ListenerModel[]): Diagnostic[] {
  return listeners.flatMap((one) => {
    const { accepted, resolvedRefs } = one;
    // Where no authority is left, what was wrong with each says it already.
    const told = accepted === undefined || (accepted.reason === 'NoValidCACertificate' && resolvedRefs.length > 0);
    const problems = [...(told ? [] : [accepted]), ...resolvedRefs].map((problem) => diagnosticOf(ref, problem));
    return [...problems, ...ignoredOptions(ref, one)];
  });
}

function ignoredOptions(ref: ObjectRef, { listener, field }: ListenerModel): Diagnostic[] {
  const options = Object.keys(listener.tls?.options ?? {});
  if (options.length === 0) return [];
  const problem: Problem = {
    reason: 'UnsupportedValue',
    message: `tls.options ${options.join(', ')} have no effect`,
    hint: 'remove them: no TLS option is known',
    field: `${field}.tls.options`,
  };
  return [diagnosticOf(ref, problem, 'warning')];
}
