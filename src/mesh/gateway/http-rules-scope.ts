import {
  type BackendObjectReference,
  type Diagnostic,
  type Gateway,
  type KubeObject,
  type ObjectRef,
  refOf,
} from '../../api/index.ts';
import { sole, trimmed } from '../../lib/sole.ts';
import type { Fetch } from '../../store/index.ts';
import type { Backend, BackendProtocol, SecretMaterial } from '../model/index.ts';
import { type BackendWish, resolveBackendRef } from './backend-ref.ts';
import type { GatewayContext, Referrer, RouteRules, RuleOutput, Verdict } from './contract.ts';

/** Why a rule, or a part of it, is not in force. */
export interface Problem {
  /** Path in the route: `spec.rules[0].matches[1].path.value`. */
  readonly field: string;
  readonly reason: string;
  readonly message: string;
  readonly hint: string;
}

export const acceptedVerdict: Verdict = { ok: true, reason: 'Accepted', message: 'accepted' };
export const resolvedVerdict: Verdict = { ok: true, reason: 'ResolvedRefs', message: 'every reference is resolved' };

/** One route's translation: what its rules need, and what is wrong with them. Lives for one run. */
export class RouteScope {
  readonly fetch: Fetch;
  readonly context: GatewayContext;
  readonly ref: ObjectRef;
  readonly gateway: Gateway | undefined;
  /** What is spoken to backends; undefined: what their `appProtocol` says. */
  readonly protocol: BackendProtocol | undefined;
  readonly rules: RuleOutput[] = [];
  readonly diagnostics: Diagnostic[] = [];
  // Of a handful each, and one or none for nearly every route: arrays cost less than maps.
  readonly #backends: Backend[] = [];
  readonly #secrets: SecretMaterial[] = [];
  readonly #tlsPolicyTargets: string[] = [];
  readonly #unresolved: Problem[] = [];
  readonly #dropped: Problem[] = [];
  #from: Referrer | undefined;

  constructor(
    fetch: Fetch,
    context: GatewayContext,
    route: KubeObject,
    gateway: Gateway | undefined,
    protocol: BackendProtocol | undefined,
  ) {
    this.fetch = fetch;
    this.context = context;
    this.ref = refOf(route);
    this.gateway = gateway;
    this.protocol = protocol;
  }

  get namespace(): string {
    return this.ref.namespace ?? '';
  }

  /** The backend that a reference comes to; undefined, and taken note of, if it comes to none. */
  backend(
    ref: BackendObjectReference,
    field: string,
    { protocol = this.protocol, ownRetries = false }: Pick<BackendWish, 'protocol' | 'ownRetries'> = {},
  ): Backend | undefined {
    this.#from ??= { group: this.ref.group, kind: this.ref.kind, namespace: this.namespace };
    const found = resolveBackendRef(this.fetch, this.context, this.#from, ref, {
      ...(protocol === undefined ? {} : { protocol }),
      ...(this.gateway === undefined ? {} : { gateway: this.gateway }),
      ownRetries,
    });
    const { tlsPolicyTarget: target } = found;
    if (target !== undefined && !this.#tlsPolicyTargets.includes(target)) this.#tlsPolicyTargets.push(target);
    if (!found.ok) {
      this.unresolved({ field: `${field}.${fieldOf(found.reason)}`, ...found });
      return undefined;
    }
    addNamed(this.#backends, found.backend);
    for (const secret of found.secrets) addNamed(this.#secrets, secret);
    return found.backend;
  }

  /** A reference that comes to nothing: ResolvedRefs is False, and its requests are answered with an error. */
  unresolved(problem: Problem): void {
    this.#unresolved.push(problem);
    this.#report('error', problem);
  }

  /** A rule, or one of its matches, that cannot be in force and is left out, without harm to the others. */
  dropped(problem: Problem): void {
    this.#dropped.push(problem);
    this.#report('error', problem);
  }

  /** In force, with a limit. */
  warn(problem: Problem): void {
    this.#report('warning', problem);
  }

  finish(): RouteRules {
    const [dropped] = this.#dropped;
    const [unresolved] = this.#unresolved;
    const isNone = dropped !== undefined && this.rules.length === 0;
    const [backend] = this.#backends;
    const rules: { -readonly [K in keyof RouteRules]: RouteRules[K] } = {
      rules: trimmed(this.rules),
      backends: backend !== undefined && this.#backends.length === 1 ? sole(backend) : trimmed(this.#backends),
      secrets: trimmed(this.#secrets),
      accepted: isNone
        ? { ok: false, reason: dropped.reason, message: `no rule is valid: ${summary(this.#dropped)}` }
        : acceptedVerdict,
      resolvedRefs:
        unresolved === undefined
          ? resolvedVerdict
          : { ok: false, reason: unresolved.reason, message: summary(this.#unresolved) },
      diagnostics: trimmed(this.diagnostics),
      tlsPolicyTargets: trimmed(this.#tlsPolicyTargets),
    };
    // The spec has the message begin so.
    if (dropped !== undefined && !isNone)
      rules.partiallyInvalid = { reason: dropped.reason, message: `Dropped Rule: ${summary(this.#dropped)}` };
    return rules;
  }

  #report(severity: Diagnostic['severity'], { field, reason, message, hint }: Problem): void {
    this.diagnostics.push({ severity, reason, message, hint, object: this.ref, field });
  }
}

function addNamed<T extends { readonly name: string }>(to: T[], one: T): void {
  if (!to.some(({ name }) => name === one.name)) to.push(one);
}

function fieldOf(reason: string): string {
  switch (reason) {
    case 'InvalidKind':
      return 'kind';
    case 'RefNotPermitted':
      return 'namespace';
    case 'UnsupportedProtocol':
      return 'port';
    default:
      return 'name';
  }
}

/** Conditions hold 32768 characters; three problems are enough to begin with. */
function summary(problems: readonly Problem[]): string {
  const shown = problems.slice(0, 3).map(({ field, message }) => `${field}: ${message}`);
  const more = problems.length - shown.length;
  return more === 0 ? shown.join('; ') : `${shown.join('; ')}; and ${more} more`;
}
