/**
 * The maps that programs and agent share: opened by name, with the sizes of their keys and values checked, and pinned, so
 * that they outlive the agent. Nothing here knows what an endpoint or a policy is, only how they lie in memory.
 */
export { type MapSizes, mapContents, type SizedMap } from './definitions.ts';
export { objectDirectory } from './object-directory.ts';
export { type DatapathMaps, type OpenMapsOptions, openMaps, type Replacement } from './open-maps.ts';
export { PerCpuMap } from './per-cpu-map.ts';
export { linksDirectory, Pins, removePins } from './pins.ts';
export { type PolicyMap, PolicyMaps } from './policy-maps.ts';
export { type Refusal, TypedMap } from './typed-map.ts';
