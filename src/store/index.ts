/**
 * The store: the one mutable state between sources and translation. Sources write tables; `mesh/` and `network/` derive
 * from them; sinks observe. It knows no Kubernetes and no Envoy.
 */
export { type Change, Collection } from './collection.ts';
export type { Demand, DemandObserver } from './demand.ts';
export { type Derivation, DerivedCollection, type Fetch, type Outputs } from './derived.ts';
export { Index } from './index-of.ts';
export { type FlushInfo, Store, type StoreOptions, Table } from './store.ts';
