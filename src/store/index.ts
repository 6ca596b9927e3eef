/**
 * The store: the one mutable state between sources and translation. Sources write tables; `mesh/` and `network/` derive
 * from them; sinks observe. It knows no Kubernetes and no Envoy.
 */
export { type Change, Collection, Index } from './collection.ts';
export { type Derivation, DerivedCollection, type Fetch, type Outputs } from './derived.ts';
export { type FlushInfo, Store, type StoreOptions, Table } from './store.ts';
