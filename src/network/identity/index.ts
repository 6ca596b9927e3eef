/**
 * Who sends and who receives: labels, numbers for them, and which addresses have which number. The agent feeds it with pods,
 * CiliumIdentities and nodes; policy reads identities. No I/O and no clock; objects are created by others.
 */
export { CidrIdentities, type CidrIdentity } from './cidr-identities.ts';
export {
  CLUSTER_IDENTITIES,
  type Identity,
  type IdentityScope,
  LOCAL_IDENTITIES,
  NODE_IDENTITIES,
  scopeOf,
} from './identity.ts';
export { type IpcacheEntry, type IpcacheSource, sourceOrder } from './ipcache-entry.ts';
export { LabelFilter } from './label-filter.ts';
export {
  formatLabel,
  type Label,
  type Labels,
  labelsKey,
  labelsOfMap,
  labelsToMap,
  makeLabels,
  parseLabel,
} from './labels.ts';
export { NODE_LABEL_SOURCE, NodeIdentities, nodeLabels, remoteNodeLabels } from './node-identities.ts';
export {
  CLUSTER_LABEL,
  NAMESPACE_LABEL,
  NAMESPACE_LABELS_PREFIX,
  type PodFacts,
  podLabels,
  SERVICE_ACCOUNT_LABEL,
} from './pod-labels.ts';
export { covers, makePrefix, type Prefix, parsePrefix } from './prefix.ts';
export { type ReservedName, reserved, reservedIdentities } from './reserved.ts';
export { UNUSED_MARK } from './unused-mark.ts';
