import { type CiliumEndpoint, type KubeObject, type Protocol, refOf, type Service } from '../../api/index.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { labelsOfMap, scopeOf } from '../../network/identity/index.ts';
import { cidrGroupSet, type PolicyEngine, type PolicyObject } from '../../network/policy/index.ts';
import type { Change, Collection } from '../../store/index.ts';

/**
 * Tells the policy engine what the tables hold, now and with each change. Whoever flushes the engine does so once for all that one
 * turn of the store brought: `changed` is called at its end.
 */
export function feedPolicies(tables: Tables, engine: PolicyEngine, changed: () => void): { close(): void } {
  const stops: (() => void)[] = [];
  function follow<V>(
    collection: Collection<V>,
    apply: (key: string, now: V | undefined, before: V | undefined) => void,
  ) {
    for (const [key, value] of collection.entries()) apply(key, value, undefined);
    const observer = (changes: readonly Change<V>[]) => {
      for (const { key, new: now, old } of changes) apply(key, now, old);
      changed();
    };
    stops.push(collection.observe(observer));
  }
  const policy = (_key: string, now: PolicyObject | undefined, before: PolicyObject | undefined) => {
    if (now !== undefined) engine.setPolicy(now);
    else if (before !== undefined) engine.deletePolicy(refOf(before as KubeObject));
  };
  follow(tables.CiliumIdentity, (_key, now, before) => {
    const id = (now ?? before)!.id;
    // Reserved numbers mean what they mean, whatever an object says.
    if (scopeOf(id) === 'reserved') return;
    if (now === undefined) engine.deleteIdentity(id);
    else engine.setIdentity({ id, labels: labelsOfMap(now.securityLabels) });
  });
  follow(tables.CiliumCIDRGroup, (key, now) => engine.setPrefixSet(cidrGroupSet(key), now?.externalCIDRs ?? []));
  follow(tables.CiliumEndpoint, (key, now) => {
    const identity = now?.status.identity?.id;
    if (now === undefined || identity === undefined) engine.deletePeerPorts(key);
    else engine.setPeerPorts(key, identity, portsOf(now));
  });
  const service = (key: string) => {
    const now = tables.Service.get(key);
    if (now === undefined) engine.deleteService(key);
    else engine.setService(key, policyService(now, tables));
  };
  follow(tables.Service, service);
  follow(tables.EndpointSlice, (_key, now, before) => {
    // It may have been another Service's before.
    for (const slice of new Set([before, now]))
      if (slice?.serviceName !== undefined) service(`${slice.metadata.namespace}/${slice.serviceName}`);
  });
  follow(tables.NetworkPolicy, policy);
  follow(tables.CiliumNetworkPolicy, policy);
  follow(tables.CiliumClusterwideNetworkPolicy, policy);
  return {
    close() {
      for (const stop of stops) stop();
    },
  };
}

function policyService({ metadata, spec }: Service, tables: Tables) {
  const { namespace = '', name, labels } = metadata;
  const slices = spec.selector === undefined ? tables.slicesByService.get(`${namespace}/${name}`) : [];
  return {
    ...{ namespace, name, labels },
    ...(spec.selector === undefined ? {} : { selector: spec.selector }),
    addresses: slices.flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses)),
  };
}

function portsOf({ status }: CiliumEndpoint) {
  const known: readonly string[] = ['TCP', 'UDP', 'SCTP'];
  return status.namedPorts
    .filter(({ protocol }) => known.includes(protocol))
    .map(({ name, port, protocol }) => ({ name, port, protocol: protocol as Protocol }));
}
