import {
  type BackendTLSPolicy,
  type ConfigMap,
  compareAge,
  type Gateway,
  objectKey,
  type Service,
  type ServicePort,
} from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import { certificateOf, trustOf } from '../backend/index.ts';
import type { SecretMaterial, UpstreamTls } from '../model/index.ts';
import type { GatewayContext, Verdict } from './contract.ts';
import { isGranted } from './reference-grants.ts';

/** How to talk TLS to a Service port, as a BackendTLSPolicy says. */
export type BackendTls =
  | { readonly type: 'none' }
  | {
      readonly type: 'tls';
      readonly settings: UpstreamTls;
      readonly secrets: readonly SecretMaterial[];
      readonly label: string;
    }
  /** The policy is in force but cannot be kept: requests fail, because plain text or an unchecked peer would be worse. */
  | { readonly type: 'broken'; readonly message: string };

/**
 * Which of the policies (all of them targeting the Service) governs a port: one that names the port before one for the whole
 * Service, then the older. The winner is chosen whether or not it is valid, so that breaking a policy never weakens a port.
 */
export function governingPolicy(
  policies: readonly BackendTLSPolicy[],
  service: Service,
  port: Pick<ServicePort, 'name'>,
): BackendTLSPolicy | undefined {
  const named = port.name === '' ? undefined : oldestFor(policies, service.metadata.name, port.name);
  return named ?? oldestFor(policies, service.metadata.name, undefined);
}

/** The oldest of the policies that has this very target. */
export function oldestFor(
  policies: readonly BackendTLSPolicy[],
  service: string,
  sectionName: string | undefined,
): BackendTLSPolicy | undefined {
  let oldest: BackendTLSPolicy | undefined;
  for (const policy of policies) {
    if (!policy.spec.targetRefs.some((t) => isTarget(t, service) && (t.sectionName || undefined) === sectionName))
      continue;
    if (oldest === undefined || compareAge(policy, oldest) < 0) oldest = policy;
  }
  return oldest;
}

function isTarget(target: BackendTLSPolicy['spec']['targetRefs'][number], service: string): boolean {
  return target.group === '' && target.kind === 'Service' && target.name === service;
}

/** TLS for a port under its policy. */
export function backendTls(
  fetch: Fetch,
  context: GatewayContext,
  policies: readonly BackendTLSPolicy[],
  service: Service,
  port: ServicePort,
): BackendTls {
  const policy = governingPolicy(policies, service, port);
  if (policy === undefined) return { type: 'none' };
  const trust = policyTrust(fetch, context, policy);
  if (!trust.ok) return { type: 'broken', message: `BackendTLSPolicy ${objectKey(policy)}: ${trust.message}` };
  const { hostname, subjectAltNames } = policy.spec.validation;
  return {
    type: 'tls',
    label: policy.metadata.name,
    secrets: trust.secret === undefined ? [] : [trust.secret],
    settings: {
      sni: hostname,
      trust: trust.secret === undefined ? 'system' : { sds: trust.secret.name },
      ...(subjectAltNames.length === 0
        ? {}
        : {
            subjectAltNames: subjectAltNames.map(({ type, hostname: dns, uri }) =>
              type === 'Hostname'
                ? { type: 'dns' as const, value: dns ?? '' }
                : { type: 'uri' as const, value: uri ?? '' },
            ),
          }),
    },
  };
}

export type PolicyTrust =
  | { readonly ok: true /** Absent: the system's authorities. */; readonly secret?: SecretMaterial }
  | {
      readonly ok: false;
      /** Conditions Accepted and ResolvedRefs of the policy. */
      readonly accepted: Verdict;
      readonly resolvedRefs: Verdict;
      readonly message: string;
      readonly hint: string;
      readonly field: string;
    };

const acceptedVerdict: Verdict = { ok: true, reason: 'Accepted', message: 'in force' };
const resolvedVerdict: Verdict = { ok: true, reason: 'ResolvedRefs', message: 'every reference is resolved' };

/** The authorities that a policy trusts. One bad reference of several makes the policy fail: the spec has such connections fail. */
export function policyTrust(fetch: Fetch, context: GatewayContext, policy: BackendTLSPolicy): PolicyTrust {
  const { caCertificateRefs, wellKnownCACertificates } = policy.spec.validation;
  const path = 'spec.validation';
  if (caCertificateRefs.length === 0) {
    if (wellKnownCACertificates === 'System') return { ok: true };
    const message =
      wellKnownCACertificates === undefined || wellKnownCACertificates === ''
        ? 'it has neither caCertificateRefs nor wellKnownCACertificates'
        : `wellKnownCACertificates "${wellKnownCACertificates}" is not known`;
    return {
      ok: false,
      accepted: { ok: false, reason: 'Invalid', message },
      resolvedRefs: resolvedVerdict,
      message,
      hint: 'use System, or name a ConfigMap with ca.crt in caCertificateRefs',
      field: `${path}.wellKnownCACertificates`,
    };
  }
  const maps: ConfigMap[] = [];
  let failure: { reason: string; message: string; hint: string; field: string } | undefined;
  for (const [i, ref] of caCertificateRefs.entries()) {
    const field = `${path}.caCertificateRefs[${i}]`;
    if (ref.group !== '' || ref.kind !== 'ConfigMap') {
      failure ??= {
        reason: 'InvalidKind',
        message: `caCertificateRefs[${i}] is of kind ${ref.group === '' ? ref.kind : `${ref.group}/${ref.kind}`}`,
        hint: 'refer to a ConfigMap of the core group that holds ca.crt',
        field: `${field}.kind`,
      };
      continue;
    }
    const key = `${policy.metadata.namespace}/${ref.name}`;
    const object = fetch.get(context.tables.ConfigMap, key);
    if (object === undefined) {
      failure ??= {
        reason: 'InvalidCACertificateRef',
        message: `ConfigMap ${key} does not exist`,
        hint: 'create it with the PEM certificates of the authorities to trust in ca.crt',
        field: `${field}.name`,
      };
      continue;
    }
    const each = trustOf([object]);
    if (each.ok) maps.push(object);
    else
      failure ??= { reason: 'InvalidCACertificateRef', message: each.message, hint: each.hint, field: `${field}.name` };
  }
  if (failure !== undefined) {
    const { reason, message, hint, field } = failure;
    const none = maps.length === 0;
    return {
      ok: false,
      accepted: none
        ? { ok: false, reason: 'NoValidCACertificate', message: `no valid CA certificate: ${message}` }
        : acceptedVerdict,
      resolvedRefs: { ok: false, reason, message },
      message,
      hint,
      field,
    };
  }
  const trust = trustOf(maps);
  return trust.ok
    ? { ok: true, secret: trust.secret }
    : {
        ok: false,
        accepted: { ok: false, reason: 'NoValidCACertificate', message: trust.message },
        resolvedRefs: { ok: false, reason: 'InvalidCACertificateRef', message: trust.message },
        message: trust.message,
        hint: trust.hint,
        field: `${path}.caCertificateRefs`,
      };
}

export type ClientCertificate =
  | { readonly type: 'none' }
  | { readonly type: 'certificate'; readonly secret: SecretMaterial }
  /** `reason`: of the Gateway's condition ResolvedRefs. */
  | {
      readonly type: 'invalid';
      readonly reason: 'InvalidClientCertificateRef' | 'RefNotPermitted';
      readonly message: string;
      readonly hint: string;
    };

/** The certificate that a Gateway shows to backends (`spec.tls.backend.clientCertificateRef`). */
export function gatewayClientCertificate(fetch: Fetch, context: GatewayContext, gateway: Gateway): ClientCertificate {
  const ref = gateway.spec.tls?.backend?.clientCertificateRef;
  if (ref === undefined) return { type: 'none' };
  const own = gateway.metadata.namespace ?? '';
  const namespace = ref.namespace ?? own;
  const { group, kind, name } = ref;
  const invalid = (message: string, hint: string): ClientCertificate => ({
    type: 'invalid',
    reason: 'InvalidClientCertificateRef',
    message,
    hint,
  });
  if (group !== '' || kind !== 'Secret')
    return invalid(
      `clientCertificateRef is of kind ${group === '' ? kind : `${group}/${kind}`}`,
      'refer to a Secret of type kubernetes.io/tls',
    );
  const from = { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: own };
  if (!isGranted(fetch, context, from, { group, kind, namespace, name }))
    return {
      type: 'invalid',
      reason: 'RefNotPermitted',
      message: `Secret ${namespace}/${name} may not be referred to from namespace ${own}`,
      hint: `create a ReferenceGrant in namespace ${namespace} from Gateway in ${own} to Secret`,
    };
  const secret = fetch.get(context.tables.Secret, `${namespace}/${name}`);
  if (secret === undefined)
    return invalid(`Secret ${namespace}/${name} does not exist`, 'create it with type kubernetes.io/tls');
  const material = certificateOf(secret);
  return material.ok ? { type: 'certificate', secret: material.secret } : invalid(material.message, material.hint);
}
