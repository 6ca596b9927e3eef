import type { LoadBalancerService } from '../mesh/model/index.ts';
import { type Json, recordsOf, sameJson } from './json.ts';
import type { ServiceManifest } from './service-manifest.ts';

/**
 * Whether a Service that is there is the one that we would make: its controller is the same object, or, for the Service of all
 * shared Ingresses, it says that it is for Ingress.
 */
export function isSameService({ metadata }: LoadBalancerService, live: ServiceManifest): boolean {
  const owner = metadata.ownerReferences?.[0];
  if (owner !== undefined) return live.owners.some(({ uid }) => uid === owner.uid);
  return live.labels['cilium.io/ingress'] === 'true' && !live.owners.some(({ controller }) => controller === true);
}

/** Of two load balancers. Where we want none, somebody else may have set one: on some clouds admission does. */
export function hasOtherClass({ spec }: LoadBalancerService, live: ServiceManifest): boolean {
  return (
    spec.loadBalancerClass !== undefined &&
    live.spec.type === 'LoadBalancer' &&
    spec.loadBalancerClass !== live.spec.loadBalancerClass
  );
}

/** Whether it must be applied: something of ours is not as we want it, or still there though we want it no more. */
export function differs({ metadata, spec }: LoadBalancerService, live: ServiceManifest): boolean {
  if (!within(metadata.labels, live.labels) || !within(metadata.annotations, live.annotations)) return true;
  if (live.ownLabels.some((key) => !Object.hasOwn(metadata.labels, key))) return true;
  if (live.ownAnnotations.some((key) => !Object.hasOwn(metadata.annotations, key))) return true;
  const { ports, ...fields } = spec as unknown as Json & LoadBalancerService['spec'];
  if (!within(fields as Json, live.spec)) return true;
  const there = recordsOf(live.spec.ports);
  return there.length !== ports.length || !ports.every((port) => there.some((each) => within(port, each)));
}

function within(wanted: Json | object, there: Json): boolean {
  return Object.entries(wanted).every(([key, value]) => sameJson(value, there[key]));
}
