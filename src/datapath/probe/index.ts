/**
 * What this kernel can do, found out by doing it. "No" is told apart from "could not tell": only a no to something that is truly
 * needed keeps the datapath from starting.
 */
export type { Feature, FeatureGroup, FeatureReport, Support } from './feature.ts';
export { orLacking } from './or-lacking.ts';
export { type KernelReport, probeKernel, requireFeatures } from './probe-kernel.ts';
