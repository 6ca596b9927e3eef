/**
 * Where objects come from. A source hands typed changes to its sink, in batches, and diagnostics with places; it keeps
 * the last good version of what turned bad. It never translates, and knows nothing of the store behind the sink.
 */
export { type FileSourceOptions, openFileSource } from './files.ts';
export type { KindStats } from './kubernetes/kind-stats.ts';
export type { Demand } from './kubernetes/on-demand.ts';
export {
  type KubernetesSource,
  type KubernetesSourceOptions,
  openKubernetesSource,
  type Selection,
} from './kubernetes/source.ts';
export { type OneShot, oneShot } from './one-shot.ts';
export type * from './source.ts';
