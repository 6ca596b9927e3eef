import type { Bpf } from '../sys/bpf-calls.ts';
import type { Kernel } from '../sys/kernel-calls.ts';

/** `unknown`: it could not be found out, which is no reason to believe either. */
export type Support = 'yes' | 'no' | 'unknown';

export interface Answer {
  readonly support: Support;
  /** What it was told by: an error, a value. */
  readonly detail?: string;
}

export interface FeatureReport extends Answer {
  readonly name: string;
  readonly group: FeatureGroup;
  /** Without it the datapath does not start. */
  readonly needed: boolean;
  /** What it is for, or what is done without it. */
  readonly use: string;
}

export type FeatureGroup = 'system' | 'maps' | 'helpers' | 'attachment' | 'network' | 'programs';

/** What the checks work with. Those of the network run in a namespace of their own, which goes with them. */
export interface ProbeContext {
  readonly bpf: Bpf;
  readonly kernel: Kernel;
  /** A program that does nothing; undefined where none can be loaded. */
  readonly program: number | undefined;
  /** Of the compiled programs. */
  readonly objects: string;
}

export interface Feature {
  readonly name: string;
  readonly group: FeatureGroup;
  readonly needed: boolean;
  readonly use: string;
  /** Throws what it is refused with. */
  readonly check: (context: ProbeContext) => Answer | boolean;
}
