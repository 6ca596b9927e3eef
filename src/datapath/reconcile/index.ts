/**
 * Keeps the kernel's maps as they should be: read and compared at the start, afterwards only told what changed. A map that is
 * full is a fault with a name, never an end. Also removes connections whose time is over.
 */
export {
  type Collected,
  type CollectorOptions,
  ConntrackCollector,
  type ConntrackMaps,
  collectConntrack,
} from './conntrack-collector.ts';
export { MapReconciler, type ReconcileOptions, type ReconcileReport } from './map-reconciler.ts';
export { type ReconciledMap, reconcileMap } from './reconcile-map.ts';
export { samePolicyEntry } from './same-policy-entry.ts';
