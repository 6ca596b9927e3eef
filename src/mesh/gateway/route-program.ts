import { type Diagnostic, type KubeObject, type ObjectRef, refOf } from '../../api/index.ts';
import { none, sole, trimmed } from '../../lib/sole.ts';
import type { Collection, DerivedCollection, Fetch, Store } from '../../store/index.ts';
import type { Backend, Condition, SecretMaterial } from '../model/index.ts';
import { type Attached, type AttachTo, attach, type ParentAttachment } from './attachment.ts';
import { condition, diagnosticOf } from './conditions.ts';
import type { Verdict } from './contract.ts';
import { CONTROLLER_NAME } from './gateway-class.ts';
import { acceptedVerdict, resolvedVerdict } from './http-rules-scope.ts';
import type { AttachPoint, RouteParent } from './parents.ts';
import { type Report, reportEntry } from './report.ts';
import type { RouteKind } from './route-kinds.ts';

/** What the rules of a route of any kind come to. */
export interface Rules {
  readonly backends: readonly Backend[];
  readonly secrets: readonly SecretMaterial[];
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  readonly partiallyInvalid?: { readonly reason: string; readonly message: string };
  readonly diagnostics: readonly Diagnostic[];
  readonly tlsPolicyTargets: readonly string[];
}

/** The attachments for which a route's rules come to the same thing. */
export interface Variant<R> {
  readonly rules: R;
  readonly gateways: readonly ObjectRef[];
  readonly attached: readonly Attached[];
}

/** A route with the listeners that it serves and what it does there: what everything else about routes is made from. */
export interface RouteProgram<R> extends Report {
  /** ms */
  readonly created: number;
  /** `namespace/name` */
  readonly owner: string;
  /** The listeners that count it among their attachedRoutes. */
  readonly listeners: readonly AttachPoint[];
  /** Only where rules are accepted and attached to a listener that takes traffic. */
  readonly variants: readonly Variant<R>[];
}

type Route = KubeObject & Parameters<typeof attach>[2];

export interface RouteTranslation<T, R> {
  readonly kind: RouteKind;
  readonly table: Collection<T>;
  /** Tells apart attachments for which `rules` would give different things. */
  readonly variantOf: (attached: Attached, parent: RouteParent) => string;
  /** `sample`: an attachment of the variant; absent where the route is attached nowhere, for its conditions' sake. */
  readonly rules: (fetch: Fetch, route: T, sample?: { readonly attached: Attached; readonly parent: RouteParent }) => R;
}

/**
 * One run for each route, which reads its parents, its namespace where a selector asks for it, and what its rules refer to:
 * never other routes. A route that has nothing to do with us gives nothing.
 */
export function deriveRoutePrograms<T extends Route, R extends Rules>(
  store: Store,
  to: AttachTo,
  translation: RouteTranslation<T, R>,
): DerivedCollection<RouteProgram<R>> {
  return store.derive<T, RouteProgram<R>>(translation.table, {
    name: `gateway.${translation.kind}`,
    map: (fetch, route, key) => {
      const { parents, missing } = attach(fetch, to, route);
      const ref = refOf(route);
      const lost = missing.map((problem) => diagnosticOf(ref, problem, 'warning'));
      if (route.spec.parentRefs.length === 0 && route.spec.useDefaultGateways === 'None')
        lost.push(withoutParents(ref));
      if (parents.length > 0) return reportEntry(program(fetch, translation, route, ref, key, parents, lost));
      if (lost.length === 0) return [];
      const { creationTimestamp: created } = route.metadata;
      return reportEntry({ ref, created, owner: key, listeners: none, variants: none, diagnostics: lost });
    },
  });
}

function withoutParents(ref: ObjectRef): Diagnostic {
  return {
    severity: 'warning',
    reason: 'NoParent',
    message: `${ref.kind} names no parent, so nothing serves it`,
    hint: 'name a Gateway in spec.parentRefs',
    object: ref,
    field: 'spec.parentRefs',
  };
}

interface Building<R> extends Variant<R> {
  readonly key: string;
  readonly gateways: ObjectRef[];
  readonly attached: Attached[];
}

/** Arrays throughout, where they hold one thing for nearly every route: this runs for each of a hundred thousand. */
function program<T extends Route, R extends Rules>(
  fetch: Fetch,
  translation: RouteTranslation<T, R>,
  route: T,
  ref: ObjectRef,
  owner: string,
  parents: readonly ParentAttachment[],
  lost: Diagnostic[],
): RouteProgram<R> {
  const built: Building<R>[] = [];
  const build = (key: string, sample?: Parameters<RouteTranslation<T, R>['rules']>[2]): Building<R> => {
    const known = built.find((variant) => variant.key === key);
    if (known !== undefined) return known;
    const variant = { key, rules: translation.rules(fetch, route, sample), gateways: [], attached: [] };
    built.push(variant);
    return variant;
  };
  const listeners: AttachPoint[] = [];
  const statuses = parents.map((one) => {
    let sample: R | undefined;
    const { parent } = one;
    for (const attached of one.attached) {
      const variant = build(translation.variantOf(attached, parent), { attached, parent });
      sample ??= variant.rules;
      if (!variant.rules.accepted.ok) continue;
      const { point } = attached;
      if (!listeners.includes(point)) listeners.push(point);
      if (!variant.gateways.some((known) => isSame(known, parent.gateway))) variant.gateways.push(parent.gateway);
      if (point.programmed && !variant.attached.some((known) => known.point.id === point.id))
        variant.attached.push(attached);
    }
    // ResolvedRefs is told of a route that is accepted nowhere, too.
    sample ??= built[0]?.rules ?? build('').rules;
    return parentStatus(one, sample, route.metadata.generation);
  });
  const variants: Variant<R>[] = [];
  const said = lost;
  for (const { problem } of parents) if (problem !== undefined) said.push(diagnosticOf(ref, problem));
  for (const { rules, gateways, attached } of built) {
    said.push(...rules.diagnostics);
    if (attached.length > 0) variants.push({ rules, gateways: shared(gateways), attached: attached.slice() });
  }
  return {
    ref,
    created: route.metadata.creationTimestamp,
    owner,
    listeners: shared(listeners),
    variants: trimmed(variants),
    status: { ref, value: { parents: statuses } },
    diagnostics: distinct(said),
  };
}

/** Gateways and listeners have many routes. */
function shared<T extends object>(list: readonly T[]): readonly T[] {
  const [first] = list;
  return list.length === 1 && first !== undefined ? sole(first) : trimmed(list);
}

function isSame(a: ObjectRef, b: ObjectRef): boolean {
  return a.name === b.name && a.namespace === b.namespace;
}

/** By generation: those of nearly every route, so that a hundred thousand need not have their own. */
const allTrue: (readonly Condition[])[] = [];

function parentStatus({ parentRef, problem }: ParentAttachment, rules: Rules, generation: number): unknown {
  const flawless =
    problem === undefined &&
    rules.accepted === acceptedVerdict &&
    rules.resolvedRefs === resolvedVerdict &&
    rules.partiallyInvalid === undefined;
  const known = flawless ? allTrue[generation] : undefined;
  if (known !== undefined) return { parentRef, controllerName: CONTROLLER_NAME, conditions: known };
  const accepted = problem === undefined ? rules.accepted : { ok: false, ...problem };
  const conditions: Condition[] = [
    condition('Accepted', status(accepted.ok), accepted.reason, accepted.message, generation),
    condition(
      'ResolvedRefs',
      status(rules.resolvedRefs.ok),
      rules.resolvedRefs.reason,
      rules.resolvedRefs.message,
      generation,
    ),
  ];
  // Only ever True, and only where some of the route is in force.
  if (accepted.ok && rules.partiallyInvalid !== undefined) {
    const { reason, message } = rules.partiallyInvalid;
    conditions.push(condition('PartiallyInvalid', 'True', reason, message, generation));
  }
  if (flawless && generation < 1000) allTrue[generation] = conditions;
  return { parentRef, controllerName: CONTROLLER_NAME, conditions };
}

function status(ok: boolean): 'True' | 'False' {
  return ok ? 'True' : 'False';
}

/** Variants of a route mostly have the same to complain about. */
function distinct(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  if (diagnostics.length < 2) return trimmed(diagnostics);
  const seen = new Map(diagnostics.map((one) => [`${one.reason}|${one.field ?? ''}|${one.message}`, one]));
  return [...seen.values()];
}
