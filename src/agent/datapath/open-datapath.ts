import {
  type Bpf,
  type DatapathMaps,
  type Kernel,
  LinkRemover,
  loadPrograms,
  Netlink,
  objectDirectory,
  openBpf,
  openKernel,
  openMaps,
  orLacking,
  type Programs,
} from '../../datapath/index.ts';
import type { Parts } from '../parts/parts.ts';
import type { DatapathOptions } from './options.ts';

/** The kernel, with our maps and programs in it. */
export interface OpenDatapath {
  readonly kernel: Kernel;
  readonly bpf: Bpf;
  readonly netlink: Netlink;
  /** For interfaces that go. */
  readonly links: LinkRemover;
  readonly maps: DatapathMaps;
  readonly programs: Programs;
}

/**
 * Opens the maps that are pinned, or makes them, and loads the programs; what is attached is not touched yet.
 * @throws Fault that names what the kernel lacks, where that is why
 */
export async function openDatapath(parts: Parts, options: DatapathOptions): Promise<OpenDatapath> {
  const [kernel, bpf] = [await openKernel(), await openBpf()];
  const netlink = parts.add('netlink', new Netlink(kernel));
  const links = parts.add('removal of interfaces', new LinkRemover(kernel));
  const { maps, programs } = orLacking(bpf, kernel, objectDirectory(), () => {
    const opened = parts.add('maps', openMaps(bpf, kernel, { directory: options.bpffs, sizes: options.mapSizes }));
    return { maps: opened, programs: parts.add('programs', loadPrograms(bpf, kernel, opened)) };
  });
  return { kernel, bpf, netlink, links, maps, programs };
}
