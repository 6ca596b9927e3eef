import { Fault } from '../lib/fault.ts';

export interface KubeFaultOptions {
  /** HTTP status; 0 where there was no answer. */
  readonly status?: number;
  /** `metav1.Status.reason`: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`, `Forbidden`, ... */
  readonly reason?: string;
  /** ms, as the server asks for. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
  readonly hint?: string;
}

/**
 * The API server said no, or said nothing. `code` is one of `KUBE_CONFIG`, `KUBE_CREDENTIALS`, `KUBE_UNREACHABLE`,
 * `KUBE_TLS`, `KUBE_TIMEOUT`, `KUBE_STALLED`, `KUBE_BAD_ANSWER`, `KUBE_UNAUTHORIZED`, `KUBE_FORBIDDEN`, `KUBE_NOT_FOUND`,
 * `KUBE_CONFLICT`, `KUBE_GONE`, `KUBE_INVALID`, `KUBE_THROTTLED`, `KUBE_SERVER`, `KUBE_REFUSED`.
 */
export class KubeFault extends Fault {
  readonly status: number;
  readonly reason: string;
  readonly retryAfter: number | undefined;

  constructor(code: string, message: string, options: KubeFaultOptions = {}) {
    super(code, message, options);
    this.name = 'KubeFault';
    this.status = options.status ?? 0;
    this.reason = options.reason ?? '';
    this.retryAfter = options.retryAfter;
  }

  /** Whether the same request may well succeed later: no answer, too many requests, or a server in trouble. */
  get transient(): boolean {
    return TRANSIENT.has(this.code);
  }
}

const TRANSIENT = new Set([
  'KUBE_UNREACHABLE',
  'KUBE_TIMEOUT',
  'KUBE_STALLED',
  'KUBE_BAD_ANSWER',
  'KUBE_THROTTLED',
  'KUBE_SERVER',
]);

/** `metav1.Status`, as it comes with an answer that is none, or in a watch's `ERROR` event. */
export interface StatusBody {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/** @param operation `GET /api/v1/services` */
export function faultOfStatus(
  operation: string,
  status: number,
  body: StatusBody | string,
  retryAfterHeader?: string,
): KubeFault {
  const said = typeof body === 'string' ? { message: body.trim().slice(0, 500) } : body;
  const seconds = Number(retryAfterHeader ?? said.details?.retryAfterSeconds);
  const message = `${operation}: ${said.message || `HTTP ${status}`}`;
  const hint = hintOf(status, said.message ?? '');
  return new KubeFault(codeOf(status, said.reason), message, {
    status,
    reason: said.reason ?? '',
    ...(seconds > 0 ? { retryAfter: seconds * 1000 } : {}),
    ...(hint === undefined ? {} : { hint }),
  });
}

function codeOf(status: number, reason: string | undefined): string {
  // In a watch, the compacted resource version comes as an event whose code is 410 and as `Expired` or `Gone`.
  if (reason === 'Expired' || reason === 'Gone') return 'KUBE_GONE';
  if (status === 400 || status === 422) return 'KUBE_INVALID';
  if (status === 401) return 'KUBE_UNAUTHORIZED';
  if (status === 403) return 'KUBE_FORBIDDEN';
  if (status === 404) return 'KUBE_NOT_FOUND';
  if (status === 409) return 'KUBE_CONFLICT';
  if (status === 410) return 'KUBE_GONE';
  if (status === 429) return 'KUBE_THROTTLED';
  return status >= 500 ? 'KUBE_SERVER' : 'KUBE_REFUSED';
}

function hintOf(status: number, message: string): string | undefined {
  if (status === 401) return 'the credentials are not valid on this server: renew the token or the client certificate';
  if (status !== 403) return undefined;
  const [, user, verb, resource, group] =
    /User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"/.exec(message) ?? [];
  if (user === undefined) return 'ask `kubectl auth can-i --list` what this user may do';
  const account = /^system:serviceaccount:([^:]+):(.+)$/.exec(user);
  const subject = account === null ? `user ${user}` : `ServiceAccount ${account[1]}/${account[2]}`;
  return `grant ${subject} the verb ${verb} on apiGroup "${group}", resource "${resource}" in a role that is bound to it`;
}
