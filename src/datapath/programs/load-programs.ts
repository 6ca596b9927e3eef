import { join } from 'node:path';
import { Fault } from '../../lib/fault.ts';
import { type DatapathMaps, linksDirectory, objectDirectory } from '../maps/index.ts';
import { type Bpf, type BpfObject, LoadError } from '../sys/bpf-calls.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { type AttachMode, Attachments } from './attachments.ts';
import { type Hook, hooks, objectOf } from './hook.ts';

export interface LoadProgramsOptions {
  /** Of the compiled programs. */
  readonly objects?: string;
  /** `auto`: tcx links where the kernel has them, else clsact filters. */
  readonly mode?: AttachMode;
}

export interface Programs {
  /** Descriptors, for test runs. */
  readonly fds: ReadonlyMap<Hook, number>;
  readonly attachments: Attachments;
  /** Milliseconds that reading and verifying took. */
  readonly duration: number;
  /** What is attached stays. */
  close(): void;
}

/**
 * Loads every program with the maps that are open. What an agent before us attached goes on until `attachments.attach` replaces it, in
 * place: to be done when the maps say what they should, so that there is no packet that no program sees, or one that knows nothing.
 * @throws Fault BPF_LOAD with the verifier's last words
 */
export function loadPrograms(
  bpf: Bpf,
  kernel: Kernel,
  maps: Pick<DatapathMaps, 'fds' | 'directory'>,
  { objects = objectDirectory(), mode = 'auto' }: LoadProgramsOptions = {},
): Programs {
  const started = performance.now();
  const loaded: BpfObject[] = [];
  const close = () => {
    for (const object of loaded) object.close();
  };
  try {
    const fds = new Map<Hook, number>();
    for (const hook of hooks) {
      const path = join(objects, objectOf(hook));
      const object = load(bpf, path, maps.fds);
      loaded.push(object);
      const fd = object.programs.get(hook);
      if (fd === undefined) throw new Fault('BPF_LOAD', `${path}: it has no program ${hook}`);
      fds.set(hook, fd);
    }
    const attachments = new Attachments(bpf, kernel, join(maps.directory, linksDirectory), fds, mode);
    return { fds, attachments, duration: performance.now() - started, close };
  } catch (error) {
    close();
    throw error;
  }
}

function load(bpf: Bpf, path: string, maps: ReadonlyMap<string, number>): BpfObject {
  try {
    return bpf.loadObject(path, { maps });
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    throw new Fault('BPF_LOAD', `${error.message}: ${lastWords(error.log)}`, {
      cause: error,
      hint: 'CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and Linux 6.1 or newer, are needed; see `sluice probe`',
    });
  }
}

/** Of a verifier log, which may have megabytes, what it stumbled over: the line before it gives its statistics. */
function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const end = lines.findIndex((line) => line.startsWith('processed '));
  return (end > 0 ? lines.slice(Math.max(0, end - 2), end) : lines.slice(-2)).join('; ');
}
