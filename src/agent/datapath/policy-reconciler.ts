import { MapReconciler, type PolicyMap } from '../../datapath/index.ts';
import { type PolicyKey, type PolicyEntry as PolicyValue, PolicyVerdict, policyEntry } from '../../gen/abi.ts';

export const isDeny = ({ verdict }: Pick<PolicyValue, 'verdict'>): boolean => verdict === PolicyVerdict.deny;

/** Of a policy's map: what its entries have counted is the programs'. Without room for all, it lets through too little, never too much. */
export function policyReconciler(map: PolicyMap): MapReconciler<PolicyKey, PolicyValue> {
  return new MapReconciler(map, { ownBytes: policyEntry.offsets.packets, comesFirst: isDeny });
}
