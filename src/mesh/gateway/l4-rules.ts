import {
  type BackendRef,
  type Diagnostic,
  GATEWAY_GROUP,
  type Gateway,
  type ObjectRef,
  refOf,
  type TCPRoute,
  type TLSRoute,
  type UDPRoute,
} from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import type { Backend, EndpointTarget, SecretMaterial, StreamChain } from '../model/index.ts';
import { type BackendWish, resolveBackendRef } from './backend-ref.ts';
import { diagnosticOf } from './conditions.ts';
import type { GatewayContext, Verdict } from './contract.ts';
import type { Rules } from './route-program.ts';

/** What a TLSRoute, TCPRoute or UDPRoute does with a connection. */
export interface StreamRules extends Rules {
  /** Weights as given; nothing at all where there is no backend: connections are closed. */
  readonly targets: StreamChain['backends'];
}

/**
 * How the route's bytes reach the backend: `passthrough` as the client sent them; `terminate` without the client's TLS, and
 * with TLS of our own where a BackendTLSPolicy asks for it; `datagram` by UDP.
 */
export type StreamWay = 'passthrough' | 'terminate' | 'datagram';

const accepted: Verdict = { ok: true, reason: 'Accepted', message: '' };
const resolved: Verdict = { ok: true, reason: 'ResolvedRefs', message: '' };

export function streamRules(
  fetch: Fetch,
  context: GatewayContext,
  route: TLSRoute | TCPRoute | UDPRoute,
  way: StreamWay,
  gateway?: Gateway,
): StreamRules {
  const ref = refOf(route);
  const from = { group: GATEWAY_GROUP, kind: route.kind, namespace: ref.namespace ?? '' };
  const wish: BackendWish = {
    protocol: way === 'datagram' ? 'udp' : 'tcp',
    passthrough: way !== 'terminate',
    ...(gateway === undefined ? {} : { gateway }),
  };
  const found: { ref: BackendRef; backend: Backend | undefined }[] = [];
  const secrets: SecretMaterial[] = [];
  const diagnostics: Diagnostic[] = [];
  const tlsPolicyTargets = new Set<string>();
  let verdict = resolved;
  // The API has one rule at most: nothing tells connections apart once they are on the listener.
  for (const [i, backendRef] of (route.spec.rules[0]?.backendRefs ?? []).entries()) {
    const resolution = resolveBackendRef(fetch, context, from, backendRef, wish);
    if (resolution.tlsPolicyTarget !== undefined) tlsPolicyTargets.add(resolution.tlsPolicyTarget);
    if (resolution.ok) {
      found.push({ ref: backendRef, backend: resolution.backend });
      secrets.push(...resolution.secrets);
      continue;
    }
    found.push({ ref: backendRef, backend: undefined });
    const { reason, message, hint } = resolution;
    if (verdict.ok) verdict = { ok: false, reason, message };
    diagnostics.push(diagnosticOf(ref, { reason, message, hint, field: `spec.rules[0].backendRefs[${i}]` }));
  }
  const combined = way === 'datagram' ? combine(ref, found) : undefined;
  return {
    targets:
      combined === undefined
        ? found.map(({ ref: { weight }, backend }) => ({ backend: backend?.name, weight }))
        : [{ backend: combined.name, weight: 1 }],
    backends: combined === undefined ? distinct(found) : [combined],
    secrets,
    accepted,
    resolvedRefs: verdict,
    diagnostics,
    tlsPolicyTargets: [...tlsPolicyTargets],
  };
}

function distinct(found: readonly { backend: Backend | undefined }[]): Backend[] {
  const byName = new Map<string, Backend>();
  for (const { backend } of found) if (backend !== undefined) byName.set(backend.name, backend);
  return [...byName.values()];
}

/**
 * Envoy's UDP proxy knows one cluster only, so the split is made among the cluster's localities. What has no address of the
 * cluster's kind (ExternalName Services) cannot be one of them, and a missing backend's share goes to the others.
 */
function combine(
  ref: ObjectRef,
  found: readonly { ref: BackendRef; backend: Backend | undefined }[],
): Backend | undefined {
  const live = found.filter(({ backend, ref: { weight } }) => backend !== undefined && weight > 0);
  if (live.length < 2) return undefined;
  const targets: EndpointTarget[] = live.flatMap(({ ref: { weight }, backend }) =>
    backend!.discovery.type === 'endpoints' ? backend!.discovery.targets.map((target) => ({ ...target, weight })) : [],
  );
  const clientAffinity = live.some(({ backend }) => backend!.clientAffinity);
  return {
    name: `${ref.kind}/${ref.namespace}/${ref.name}+udp`,
    discovery: { type: 'endpoints', targets },
    protocol: 'udp',
    ...(clientAffinity ? { clientAffinity } : {}),
    origins: [...live.flatMap(({ backend }) => backend!.origins), ref],
  };
}
