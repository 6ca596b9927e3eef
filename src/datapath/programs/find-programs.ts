import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bpf } from '../sys/bpf-calls.ts';
import { Errno, type Kernel } from '../sys/kernel-calls.ts';

/** A program of ours on a device, however it got there. */
export interface FoundProgram {
  /** 0: of a device that is gone. */
  readonly ifindex: number;
  readonly how: 'link' | 'filter';
  /** `from_pod`, or `ingress` of a filter, which does not say more. */
  readonly name: string;
  /** Takes it off. Nothing where it is gone already. @throws Errno */
  detach(): void;
}

/**
 * Programs that any agent left on the devices of this network namespace: links that are pinned in a directory (where there is one), and
 * filters. Looking changes nothing.
 */
export function findPrograms(
  bpf: Bpf,
  kernel: Kernel,
  { directory, devices }: { readonly directory: string; readonly devices: Iterable<number> },
): FoundProgram[] {
  const found: FoundProgram[] = [];
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const path = join(directory, name);
    const link = bpf.openPinned(path);
    try {
      const { ifindex } = bpf.linkInfo(link);
      found.push({
        ...{ ifindex, how: 'link', name: name.slice(0, name.lastIndexOf('_')) },
        detach: () => detachLink(bpf, kernel, path),
      });
    } finally {
      kernel.close(link);
    }
  }
  for (const ifindex of devices)
    for (const direction of ['ingress', 'egress'] as const)
      if (bpf.queryFilter(ifindex, direction) !== undefined)
        found.push({
          ...{ ifindex, how: 'filter', name: direction },
          detach: () => void bpf.detachFilter(ifindex, direction),
        });
  return found;
}

/** Explicitly, as somebody else may hold the link; its pin is left. */
function detachLink(bpf: Bpf, kernel: Kernel, path: string): void {
  const link = bpf.openPinned(path);
  try {
    bpf.detachLink(link);
  } catch (error) {
    // Its device is gone.
    if (!(error instanceof Errno && error.code === 'ENOLINK')) throw error;
  } finally {
    kernel.close(link);
  }
}
