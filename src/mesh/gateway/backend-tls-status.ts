import { type BackendTLSPolicy, GATEWAY_GROUP, type ObjectRef, objectKey, refOf } from '../../api/index.ts';
import type { Collection, DerivedCollection, Fetch, Store } from '../../store/index.ts';
import { oldestFor, policyTrust } from './backend-tls.ts';
import { diagnosticOf, holds, joined, type Problem } from './conditions.ts';
import type { GatewayContext, TlsPolicyUse } from './contract.ts';
import { CONTROLLER_NAME } from './gateway-class.ts';
import { type Report, reportEntry } from './report.ts';

/**
 * The status of every BackendTLSPolicy: an ancestor for each Gateway through which a route uses a Service that it targets.
 * Uses are first reduced to pairs of Service port and Gateway, so that a policy's status runs again when a Gateway comes or goes
 * and not with every route.
 */
export function deriveTlsPolicyReports(
  store: Store,
  context: GatewayContext,
  uses: Collection<TlsPolicyUse>,
): DerivedCollection<Report> {
  const pairs = store.group(
    uses.index('port and gateway', ({ ports, gateways }) =>
      ports.flatMap((port) => gateways.map((gateway) => `${port}|${gateway.namespace}/${gateway.name}`)),
    ),
    { name: 'gateway.tls-policy-ancestors', map: (_fetch, _members, pair) => [[pair, pair]] },
  );
  const byTarget = pairs.index('target', (pair) => {
    const port = pair.slice(0, pair.indexOf('|'));
    return [port, port.slice(0, port.lastIndexOf('/'))];
  });
  return store.derive(context.tables.BackendTLSPolicy, {
    name: 'gateway.tls-policy-reports',
    map: (fetch, policy) => {
      const ref = refOf(policy);
      const gateways = new Set(
        targetKeys(fetch, context, policy).flatMap((target) =>
          fetch.by(byTarget, target).map((pair) => pair.slice(pair.indexOf('|') + 1)),
        ),
      );
      return reportEntry(report(fetch, context, policy, ref, [...gateways].sort()));
    },
  });
}

/** What uses are looked up by: a port where one is targeted, else the Service, also to say that it has no such port. */
function targetKeys(fetch: Fetch, context: GatewayContext, policy: BackendTLSPolicy): string[] {
  return policy.spec.targetRefs.filter(isService).map(({ name, sectionName }) => {
    const service = `${policy.metadata.namespace}/${name}`;
    if (!sectionName) return service;
    const ports = fetch.get(context.tables.Service, service)?.spec.ports;
    return ports?.some((port) => port.name === sectionName) ? `${service}/${sectionName}` : service;
  });
}

function isService(target: BackendTLSPolicy['spec']['targetRefs'][number]): boolean {
  return target.group === '' && target.kind === 'Service';
}

function report(
  fetch: Fetch,
  context: GatewayContext,
  policy: BackendTLSPolicy,
  ref: ObjectRef,
  gateways: readonly string[],
): Report {
  const trust = policyTrust(fetch, context, policy);
  const targets = targetProblems(fetch, context, policy);
  const accepted = [...targets];
  const resolved: Problem[] = [];
  if (!trust.ok) {
    const { hint, field } = trust;
    if (!trust.accepted.ok)
      accepted.push({ reason: trust.accepted.reason, message: trust.accepted.message, hint, field });
    if (!trust.resolvedRefs.ok)
      resolved.push({ reason: trust.resolvedRefs.reason, message: trust.resolvedRefs.message, hint, field });
  }
  const { generation } = policy.metadata;
  const conditions = [
    holds('Accepted', joined(accepted), generation, 'Accepted'),
    holds('ResolvedRefs', joined(resolved), generation, 'ResolvedRefs'),
  ];
  return {
    ref,
    status: { ref, value: { ancestors: gateways.slice(0, maxAncestors).map((key) => ancestor(key, conditions)) } },
    diagnostics: [...targets, ...(trust.ok ? [] : [accepted.at(-1) ?? resolved[0]])]
      .filter((problem) => problem !== undefined)
      .map((problem) => diagnosticOf(ref, problem)),
  };
}

/** As many as `status.ancestors` may hold. */
const maxAncestors = 16;

function ancestor(key: string, conditions: readonly unknown[]) {
  const slash = key.indexOf('/');
  return {
    ancestorRef: { group: GATEWAY_GROUP, kind: 'Gateway', namespace: key.slice(0, slash), name: key.slice(slash + 1) },
    controllerName: CONTROLLER_NAME,
    conditions,
  };
}

function targetProblems(fetch: Fetch, context: GatewayContext, policy: BackendTLSPolicy): Problem[] {
  const problems: Problem[] = [];
  for (const [i, target] of policy.spec.targetRefs.entries()) {
    const field = `spec.targetRefs[${i}]`;
    if (!isService(target)) {
      problems.push({
        reason: 'Invalid',
        message: `targetRefs[${i}] is of kind ${target.group === '' ? target.kind : `${target.group}/${target.kind}`}`,
        hint: 'target a Service of the core group',
        field: `${field}.kind`,
      });
      continue;
    }
    const key = `${policy.metadata.namespace}/${target.name}`;
    const section = target.sectionName || undefined;
    const service = fetch.get(context.tables.Service, key);
    if (service === undefined) {
      problems.push({
        reason: 'TargetNotFound',
        message: `Service ${key} does not exist`,
        hint: 'create it, or target a Service of the same namespace',
        field: `${field}.name`,
      });
      continue;
    }
    if (section !== undefined && !service.spec.ports.some((port) => port.name === section)) {
      problems.push({
        reason: 'TargetNotFound',
        message: `Service ${key} has no port named "${section}"`,
        hint: `its ports are named ${service.spec.ports.map((port) => `"${port.name}"`).join(', ')}`,
        field: `${field}.sectionName`,
      });
      continue;
    }
    const winner = oldestFor(fetch.by(context.tlsPoliciesByService, key), target.name, section);
    if (winner === undefined || objectKey(winner) === objectKey(policy)) continue;
    problems.push({
      reason: 'Conflicted',
      message: `BackendTLSPolicy ${objectKey(winner)} has the same target and takes precedence`,
      hint: 'remove one of the two, or name different ports in sectionName',
      field,
    });
  }
  return problems;
}
