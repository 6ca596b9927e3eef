import { MapReconciler, type PolicyMap } from '../../datapath/index.ts';
import { type PolicyKey, type PolicyEntry as PolicyValue, policyEntry } from '../../gen/abi.ts';

/** Of a policy's map: what its entries have counted is the programs'. */
export function policyReconciler(map: PolicyMap): MapReconciler<PolicyKey, PolicyValue> {
  return new MapReconciler(map, { ownBytes: policyEntry.offsets.packets });
}
