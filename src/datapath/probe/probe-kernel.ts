import { closeSync, openSync } from 'node:fs';
import { release } from 'node:os';
import { Fault } from '../../lib/fault.ts';
import { objectDirectory } from '../maps/index.ts';
import { type Bpf, LoadError } from '../sys/bpf-calls.ts';
import { CLONE_NEWNET, Errno, errnoName, type Kernel } from '../sys/kernel-calls.ts';
import type { Answer, Feature, FeatureGroup, FeatureReport, ProbeContext } from './feature.ts';
import { features, loadNothing } from './features.ts';

export interface KernelReport {
  /** `6.18.44` */
  readonly kernel: string;
  readonly features: readonly FeatureReport[];
}

/** What changes a device is tried in a network namespace of its own. */
const scratch: ReadonlySet<FeatureGroup> = new Set(['attachment', 'network']);

/**
 * Finds out what this kernel can do by doing it, once for each feature. Nothing stays behind. Synchronous, as part of it the
 * thread is in another network namespace.
 */
export function probeKernel(bpf: Bpf, kernel: Kernel, objects = objectDirectory()): KernelReport {
  let program: number | undefined;
  try {
    program = loadNothing(bpf);
  } catch (error) {
    // The first feature says why.
    if (!(error instanceof Errno)) throw error;
  }
  const context: ProbeContext = { bpf, kernel, program, objects };
  try {
    const reports = new Map<Feature, FeatureReport>();
    for (const feature of features) if (!scratch.has(feature.group)) reports.set(feature, report(feature, context));
    inScratchNamespace(kernel, (refused) => {
      for (const feature of features)
        if (scratch.has(feature.group)) reports.set(feature, report(feature, context, refused));
    });
    return { kernel: release(), features: features.map((feature) => reports.get(feature) as FeatureReport) };
  } finally {
    if (program !== undefined) kernel.close(program);
  }
}

/**
 * What the datapath cannot do without: a feature that could not be found out is no reason to refuse.
 * @throws Fault KERNEL_LACKS, naming all that is missing
 */
export function requireFeatures({ kernel, features: found }: KernelReport): void {
  const missing = found.filter(({ needed, support }) => needed && support === 'no');
  if (missing.length === 0) return;
  const names = missing.map(({ name, detail }) => (detail === undefined ? name : `${name} (${detail})`));
  throw new Fault('KERNEL_LACKS', `Linux ${kernel} lacks what the eBPF datapath needs: ${names.join(', ')}`, {
    hint: '`sluice probe` shows all of it; --datapath=none works without',
  });
}

function report(feature: Feature, context: ProbeContext, refused?: Errno): FeatureReport {
  const { name, group, needed, use, check } = feature;
  const answer = (): Answer => {
    if (refused) return { support: 'unknown', detail: `no network namespace to try it in: ${refused.message}` };
    try {
      const found = check(context);
      return typeof found === 'boolean' ? { support: found ? 'yes' : 'no' } : found;
    } catch (error) {
      return refusal(error);
    }
  };
  return { name, group, needed, use, ...answer() };
}

/** Being forbidden to ask is no answer; neither is a lack of memory. */
function refusal(error: unknown): Answer {
  const detail = error instanceof Error ? (error.message.split('\n')[0] as string) : String(error);
  const code =
    error instanceof LoadError
      ? errnoName(error.errno)
      : error instanceof Fault
        ? error.code.replace('NETLINK_', '')
        : (error as { code?: string }).code;
  // The verifier says EACCES of a program that it does not understand, the system call EPERM of who may not load.
  const isVerdict = error instanceof LoadError && code === 'EACCES';
  const none = ['EINVAL', 'ENOENT', 'EOPNOTSUPP', 'ENOTSUP', 'E2BIG', 'ENODEV', 'EAFNOSUPPORT', 'errno 524'];
  if (isVerdict || none.includes(code ?? '')) return { support: 'no', detail };
  return { support: 'unknown', detail };
}

/** Runs something in a network namespace of its own; where none can be made, where we are, with the reason. */
function inScratchNamespace(kernel: Kernel, work: (refused?: Errno) => void): void {
  const back = openSync('/proc/thread-self/ns/net', 'r');
  try {
    try {
      kernel.unshare(CLONE_NEWNET);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      work(error);
      return;
    }
    try {
      work();
    } finally {
      kernel.setns(back, CLONE_NEWNET);
    }
  } finally {
    closeSync(back);
  }
}
