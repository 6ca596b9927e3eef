import { dump } from 'js-yaml';
import { type CrdSource, crd } from './crd.ts';
import { clusterwideEnvoyConfigCrd, envoyConfigCrd } from './envoy-config-crds.ts';
import { bgpLoadBalancerIpPoolCrd, loadBalancerIpPoolCrd } from './load-balancer-pool-crds.ts';
import { ciliumEndpointCrd, ciliumIdentityCrd, ciliumNodeCrd } from './node-crds.ts';
import { cidrGroupCrd, clusterwideNetworkPolicyCrd, networkPolicyCrd } from './policy-crds.ts';

/** The kinds of ours that the code reads; crds.test.ts holds each against its parser. */
export const crds: readonly CrdSource[] = [
  bgpLoadBalancerIpPoolCrd,
  cidrGroupCrd,
  ciliumEndpointCrd,
  ciliumIdentityCrd,
  ciliumNodeCrd,
  clusterwideEnvoyConfigCrd,
  clusterwideNetworkPolicyCrd,
  envoyConfigCrd,
  loadBalancerIpPoolCrd,
  networkPolicyCrd,
];

/** File names and contents, as they stand in `manifests/crds`. */
export function crdFiles(): ReadonlyMap<string, string> {
  return new Map(crds.map((source) => [`${source.plural}.yaml`, dump(crd(source), { lineWidth: 120, noRefs: true })]));
}
