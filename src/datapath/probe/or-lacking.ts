import type { Bpf } from '../sys/bpf-calls.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { probeKernel, requireFeatures } from './probe-kernel.ts';

/**
 * Brings something up in the kernel. Only where that fails is the kernel asked what it lacks, as asking takes longer than the
 * bringing up: then the fault names that, and otherwise stays what it was.
 * @throws what `work` throws; Fault KERNEL_LACKS
 */
export function orLacking<T>(bpf: Bpf, kernel: Kernel, objects: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    requireFeatures(probeKernel(bpf, kernel, objects));
    throw error;
  }
}
