import type { ConfigMap, FrontendTlsValidation, Gateway, ObjectReference, Secret } from '../../api/index.ts';
import { GATEWAY_GROUP } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import { certificateOf, trustOf } from '../backend/index.ts';
import type { SecretMaterial } from '../model/index.ts';
import type { Problem } from './conditions.ts';
import type { GatewayContext, Referrer } from './contract.ts';
import type { Entry } from './merged-listeners.ts';
import { isGranted } from './reference-grants.ts';

/** What came of a listener's certificateRefs: those that are good are served, however many are not. */
export interface ServerCertificates {
  readonly secrets: readonly SecretMaterial[];
  /** DNS names of the certificates. */
  readonly dnsNames: readonly string[];
  /** Condition ResolvedRefs. */
  readonly problems: readonly Problem[];
}

export function resolveCertificates(fetch: Fetch, context: GatewayContext, entry: Entry): ServerCertificates {
  const refs = entry.listener.tls?.certificateRefs ?? [];
  const path = `${entry.field}.tls.certificateRefs`;
  const from = { group: GATEWAY_GROUP, kind: entry.owner.kind, namespace: entry.owner.namespace ?? '' };
  const secrets: SecretMaterial[] = [];
  const dnsNames: string[] = [];
  const problems: Problem[] = [];
  if (refs.length === 0)
    problems.push(
      invalid('InvalidCertificateRef', 'there is no certificate', 'name a Secret of type kubernetes.io/tls', path),
    );
  for (const [i, ref] of refs.entries()) {
    const field = `${path}[${i}]`;
    const secret = resolve(fetch, context, from, ref, ['Secret'], 'InvalidCertificateRef', field);
    if (secret.type === 'problem') {
      problems.push(secret.problem);
      continue;
    }
    const material = certificateOf(secret.object as Secret);
    if (!material.ok) problems.push(invalid('InvalidCertificateRef', material.message, material.hint, field));
    else if (!secrets.some(({ name }) => name === material.secret.name)) {
      secrets.push(material.secret);
      dnsNames.push(...material.dnsNames);
    }
  }
  return { secrets, dnsNames, problems };
}

/** How client certificates are checked on a port; the authorities that are good are trusted, however many are not. */
export interface ClientValidation {
  readonly trust?: SecretMaterial;
  readonly mode: 'require' | 'allow-insecure';
  /** Condition ResolvedRefs of the HTTPS listeners of the port. Without any `trust` they are not accepted either. */
  readonly problems: readonly Problem[];
}

export function frontendValidation(gateway: Gateway, port: number): FrontendTlsValidation | undefined {
  const frontend = gateway.spec.tls?.frontend;
  // A port's own settings stand in place of the default, also where they are empty.
  const perPort = frontend?.perPort.find((entry) => entry.port === port);
  return perPort === undefined ? frontend?.default.validation : perPort.tls.validation;
}

export function resolveClientValidation(
  fetch: Fetch,
  context: GatewayContext,
  gateway: Gateway,
  port: number,
): ClientValidation | undefined {
  const validation = frontendValidation(gateway, port);
  if (validation === undefined) return undefined;
  const from = { group: GATEWAY_GROUP, kind: 'Gateway', namespace: gateway.metadata.namespace ?? '' };
  const frontend = gateway.spec.tls?.frontend;
  const at = frontend?.perPort.findIndex((entry) => entry.port === port) ?? -1;
  const path = `spec.tls.frontend.${at < 0 ? 'default' : `perPort[${at}].tls`}.validation.caCertificateRefs`;
  const good: (ConfigMap | Secret)[] = [];
  const problems: Problem[] = [];
  for (const [i, ref] of validation.caCertificateRefs.entries()) {
    const field = `${path}[${i}]`;
    const found = resolve(fetch, context, from, ref, ['ConfigMap', 'Secret'], 'InvalidCACertificateRef', field);
    if (found.type === 'problem') {
      problems.push(found.problem);
      continue;
    }
    const trust = trustOf([found.object]);
    if (trust.ok) good.push(found.object);
    else problems.push(invalid('InvalidCACertificateRef', trust.message, trust.hint, field));
  }
  const mode = validation.mode === 'AllowInsecureFallback' ? 'allow-insecure' : 'require';
  const trust = good.length === 0 ? undefined : trustOf(good);
  return { mode, problems, ...(trust?.ok ? { trust: trust.secret } : {}) };
}

type Resolved =
  | { readonly type: 'object'; readonly object: ConfigMap | Secret }
  | { readonly type: 'problem'; readonly problem: Problem };

/** Kind, then permission, then existence: a reference that is not granted does not tell what exists elsewhere. */
function resolve(
  fetch: Fetch,
  context: GatewayContext,
  from: Referrer,
  ref: ObjectReference,
  kinds: readonly ('ConfigMap' | 'Secret')[],
  reason: 'InvalidCertificateRef' | 'InvalidCACertificateRef',
  field: string,
): Resolved {
  const { group, name } = ref;
  const namespace = ref.namespace ?? from.namespace;
  const problem = (why: string, message: string, hint: string): Resolved => ({
    type: 'problem',
    problem: invalid(why, message, hint, field),
  });
  const kind = kinds.find((candidate) => candidate === ref.kind);
  if (group !== '' || kind === undefined)
    return problem(
      reason === 'InvalidCACertificateRef' ? 'InvalidCACertificateKind' : reason,
      `${group === '' ? ref.kind : `${group}/${ref.kind}`} ${name} cannot be referred to here`,
      `refer to a ${kinds.join(' or a ')} of the core group`,
    );
  if (!isGranted(fetch, context, from, { group, kind, namespace, name }))
    return problem(
      'RefNotPermitted',
      `${kind} ${namespace}/${name} may not be referred to from namespace ${from.namespace}`,
      `create a ReferenceGrant in namespace ${namespace} from ${from.kind} in ${from.namespace} to ${kind}`,
    );
  const key = `${namespace}/${name}`;
  const { tables } = context;
  const object = kind === 'Secret' ? fetch.get(tables.Secret, key) : fetch.get(tables.ConfigMap, key);
  return object === undefined
    ? problem(reason, `${kind} ${key} does not exist`, `create it, or refer to another ${kind}`)
    : { type: 'object', object };
}

function invalid(reason: string, message: string, hint: string, field: string): Problem {
  return { reason, message, hint, field };
}
