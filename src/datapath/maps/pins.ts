import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '../../lib/fault.ts';
import type { Bpf } from '../sys/bpf-calls.ts';
import { Errno, type Kernel } from '../sys/kernel-calls.ts';

/** BPF_FS_MAGIC (include/uapi/linux/magic.h). */
const bpffsMagic = 0xcafe4a11;

/** Where links are pinned, below the maps. */
export const linksDirectory = 'links';

/**
 * One directory of pins in a BPF file system. A pin keeps a map or a link in the kernel while no process has it open. Names
 * may not have a dot: the kernel keeps these for itself.
 */
export class Pins {
  readonly directory: string;
  readonly #bpf: Bpf;

  /** Makes the directory, and mounts the file system where it is missing. @throws Fault BPFFS */
  constructor(bpf: Bpf, kernel: Kernel, directory: string) {
    this.#bpf = bpf;
    this.directory = directory;
    try {
      const base = nearest(directory);
      if (statfsSync(base).type !== bpffsMagic) {
        if (base !== '/sys/fs/bpf')
          throw new Fault('BPFFS', `${directory}: ${base} is no BPF file system`, {
            hint: 'choose a directory under /sys/fs/bpf, or mount one: mount -t bpf bpf DIRECTORY',
          });
        kernel.mount('bpf', base, 'bpf');
      }
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw Fault.from(error, 'BPFFS', directory, 'CAP_SYS_ADMIN or a BPF file system mounted beforehand is needed');
    }
  }

  /** @throws Fault */
  open(name: string): number | undefined {
    try {
      return this.#bpf.openPinned(join(this.directory, name));
    } catch (error) {
      if (error instanceof Errno && error.code === 'ENOENT') return undefined;
      throw Fault.from(error, 'PIN_OPEN', `pin ${this.directory}/${name}`);
    }
  }

  /** In place of what has that name, with no moment in between. @throws Fault */
  set(name: string, fd: number): void {
    const fresh = join(this.directory, `${name}_new`);
    try {
      remove(fresh);
      this.#bpf.pin(fd, fresh);
      renameSync(fresh, join(this.directory, name));
    } catch (error) {
      throw Fault.from(error, 'PIN_SET', `pin ${this.directory}/${name}`);
    }
  }

  /** False where there was none. */
  delete(name: string): boolean {
    return remove(join(this.directory, name));
  }

  names(): string[] {
    return readdirSync(this.directory);
  }
}

/** Takes all pins of a directory away, and the directory. What they held ends, unless a process holds it. */
export function removePins(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removePins(join(directory, entry.name));
    else unlinkSync(join(directory, entry.name));
  }
  rmdirSync(directory);
}

function nearest(directory: string): string {
  return existsSync(directory) ? directory : nearest(dirname(directory));
}

function remove(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
