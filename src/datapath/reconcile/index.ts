/**
 * Keeps the kernel's maps as they should be: desired entries, then what differs, then the kernel. A map is read and compared at the
 * start and when it is checked, and told changes in between; stages say in which order. A map that is full is a fault with a name,
 * never an end. Also removes connections whose time is over.
 *
 * A map of your own is a derived collection of `mapEntry` and a `MapStage` over its `CollectionEntries`, put among the agent's
 * stages after what its entries point at.
 */
export { CollectionEntries, type MapEntry, mapEntry } from './collection-entries.ts';
export {
  type Collected,
  type CollectorOptions,
  ConntrackCollector,
  type ConntrackMaps,
  collectConntrack,
} from './conntrack-collector.ts';
export { type Desired, DesiredEntries, fixedEntries } from './desired.ts';
export { firstThose, MapReconciler, type ReconcileOptions, type ReconcileReport } from './map-reconciler.ts';
export { MapStage } from './map-stage.ts';
export { type MapState, type Stage, Stages } from './stages.ts';
