import { Fault } from '../../lib/fault.ts';
import { Pins } from '../maps/index.ts';
import { AttachType, type Bpf } from '../sys/bpf-calls.ts';
import { Errno, type Kernel } from '../sys/kernel-calls.ts';
import { type Hook, hookDirection, hooks, isHook } from './hook.ts';

export type AttachMode = 'auto' | 'tcx' | 'clsact';

export interface Attachment {
  readonly ifindex: number;
  readonly hook: Hook;
}

/**
 * Which program is on which device. A tcx link is pinned as `links/HOOK_IFINDEX`, so it outlives the agent, and ends with the
 * device; a clsact filter lives in the device itself. Doing anything again changes nothing.
 */
export class Attachments {
  readonly #bpf: Bpf;
  readonly #kernel: Kernel;
  readonly #pins: Pins;
  readonly #programs: ReadonlyMap<Hook, number>;
  /** By the names that pins would have: where a filter was asked for. */
  readonly #filtered = new Set<string>();
  /** Ids of our programs, once they were asked for. */
  readonly #ids = new Map<Hook, number>();
  #mode: AttachMode;

  /** What is attached already stays as it is until it is attached anew; links whose device is gone are forgotten. @throws Fault */
  constructor(bpf: Bpf, kernel: Kernel, directory: string, programs: ReadonlyMap<Hook, number>, mode: AttachMode) {
    this.#bpf = bpf;
    this.#kernel = kernel;
    this.#pins = new Pins(bpf, kernel, directory);
    this.#programs = programs;
    this.#mode = mode;
    for (const { ifindex, hook } of this.links())
      if (this.programId(ifindex, hook) === undefined) this.#pins.delete(pinName(ifindex, hook));
  }

  /** How programs are attached; `auto` until the first one is. */
  get mode(): AttachMode {
    return this.#mode;
  }

  /** What is pinned: with clsact filters, nothing. */
  links(): Attachment[] {
    return this.#pins.names().flatMap((name) => {
      const at = name.lastIndexOf('_');
      const hook = name.slice(0, at);
      return isHook(hook) ? [{ hook, ifindex: Number(name.slice(at + 1)) }] : [];
    });
  }

  /**
   * In place of the program that is there. `filter`: by a clsact filter also where the kernel has tcx, unless there is a link already.
   * Making and breaking a tcx link each waits for all processors to pass through the scheduler (12 ms and more, under the lock of all
   * interfaces), which devices that come and go with pods cannot afford.
   * @throws Fault ATTACH_ENODEV where the device is gone, ATTACH_...
   */
  attach(ifindex: number, hook: Hook, how: 'best' | 'filter' = 'best'): void {
    if (this.#mode !== 'clsact') {
      if (this.#updateLink(ifindex, hook) || (how === 'best' && this.#createLink(ifindex, hook))) return;
    }
    this.#try('attach', ifindex, hook, () => this.#bpf.attachFilter(ifindex, hookDirection[hook], this.#program(hook)));
    if (how === 'filter') this.#filtered.add(pinName(ifindex, hook));
    else this.#mode = 'clsact';
  }

  /** Nothing where it is not attached, or the device is gone. @throws Fault */
  detach(ifindex: number, hook: Hook): void {
    const link = this.#pins.open(pinName(ifindex, hook));
    if (link !== undefined) {
      try {
        // Explicitly, as somebody else (bpftool) may hold the link.
        this.#bpf.detachLink(link);
      } catch (error) {
        if (!(error instanceof Errno && error.code === 'ENOLINK')) throw this.#fault('detach', ifindex, hook, error);
      } finally {
        this.#kernel.close(link);
      }
      this.#pins.delete(pinName(ifindex, hook));
    }
    if (this.#mode !== 'tcx' || this.#filtered.delete(pinName(ifindex, hook)))
      this.#try('detach', ifindex, hook, () => {
        try {
          this.#bpf.detachFilter(ifindex, hookDirection[hook]);
        } catch (error) {
          if (!(error instanceof Errno && error.code === 'ENODEV')) throw error;
        }
      });
  }

  /** Takes away all that is not wanted: links wherever they are, filters of the given devices. Answers what that was. */
  prune(wanted: Iterable<Attachment>, devices: Iterable<number> = []): Attachment[] {
    const names = new Set(Array.from(wanted, ({ ifindex, hook }) => pinName(ifindex, hook)));
    const stale = this.links().filter(({ ifindex, hook }) => !names.has(pinName(ifindex, hook)));
    for (const { ifindex, hook } of stale) this.detach(ifindex, hook);
    if (this.#mode === 'tcx') return stale;
    for (const ifindex of devices) {
      for (const direction of ['ingress', 'egress'] as const) {
        const mine = hooks.filter((hook) => hookDirection[hook] === direction);
        if (mine.some((hook) => names.has(pinName(ifindex, hook)))) continue;
        if (this.#bpf.queryFilter(ifindex, direction) === undefined) continue;
        const hook = mine[0] as Hook;
        this.detach(ifindex, hook);
        stale.push({ ifindex, hook });
      }
    }
    return stale;
  }

  /** Whether our program is in force there, and not one of another process or none. @throws Fault */
  isInForce(ifindex: number, hook: Hook): boolean {
    let id = this.#ids.get(hook);
    if (id === undefined) {
      id = this.#bpf.programInfo(this.#program(hook)).id;
      this.#ids.set(hook, id);
    }
    return this.programId(ifindex, hook) === id;
  }

  /** Id of the program that is in force there, if it is one of ours. */
  programId(ifindex: number, hook: Hook): number | undefined {
    const link = this.#pins.open(pinName(ifindex, hook));
    if (link === undefined)
      return this.#mode === 'tcx' && !this.#filtered.has(pinName(ifindex, hook))
        ? undefined
        : this.#bpf.queryFilter(ifindex, hookDirection[hook]);
    try {
      const info = this.#bpf.linkInfo(link);
      return info.ifindex === 0 ? undefined : info.programId;
    } finally {
      this.#kernel.close(link);
    }
  }

  /** Replaces the program in place. False where there is no link, or it is of a device that is gone (whose number another one may have by now). */
  #updateLink(ifindex: number, hook: Hook): boolean {
    const name = pinName(ifindex, hook);
    const link = this.#pins.open(name);
    if (link === undefined) return false;
    try {
      // 0: the device is gone.
      if (this.#bpf.linkInfo(link).ifindex !== ifindex) {
        this.#pins.delete(name);
        return false;
      }
      this.#bpf.updateLink(link, this.#program(hook));
      this.#mode = 'tcx';
      return true;
    } catch (error) {
      throw this.#fault('replace', ifindex, hook, error);
    } finally {
      this.#kernel.close(link);
    }
  }

  /** False where the kernel has no tcx. */
  #createLink(ifindex: number, hook: Hook): boolean {
    const type = hookDirection[hook] === 'ingress' ? AttachType.tcxIngress : AttachType.tcxEgress;
    let link: number;
    try {
      link = this.#bpf.createLink(this.#program(hook), ifindex, type);
    } catch (error) {
      // A kernel before 6.6 does not know the type of the attachment.
      if (this.#mode === 'auto' && error instanceof Errno && error.code === 'EINVAL') return false;
      throw this.#fault('attach', ifindex, hook, error);
    }
    try {
      this.#pins.set(pinName(ifindex, hook), link);
      this.#mode = 'tcx';
      return true;
    } finally {
      this.#kernel.close(link);
    }
  }

  #program(hook: Hook): number {
    return this.#programs.get(hook) as number;
  }

  #try(what: string, ifindex: number, hook: Hook, work: () => void): void {
    try {
      work();
    } catch (error) {
      throw this.#fault(what, ifindex, hook, error);
    }
  }

  #fault(what: string, ifindex: number, hook: Hook, error: unknown): Fault {
    const code = error instanceof Errno ? `ATTACH_${error.code}` : 'ATTACH';
    return Fault.from(error, code, `program ${hook}: ${what} on interface ${ifindex}`);
  }
}

function pinName(ifindex: number, hook: Hook): string {
  return `${hook}_${ifindex}`;
}
