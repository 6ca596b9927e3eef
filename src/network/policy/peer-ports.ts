import { compareText } from '../../lib/compare.ts';
import { formatPort } from './peer-classes.ts';
import type { NamedPort } from './subject-policy.ts';

/** Named ports of pods, by the identities that these have. */
export class PeerPorts {
  readonly #pods = new Map<string, { readonly identity: number; readonly ports: readonly NamedPort[] }>();
  readonly #byIdentity = new Map<number, Set<string>>();

  /** Undefined removes the pod. Returns the identities whose ports may be different now. */
  set(pod: string, identity: number, ports: readonly NamedPort[] | undefined): number[] {
    const before = this.#pods.get(pod);
    if (before !== undefined) {
      this.#pods.delete(pod);
      const pods = this.#byIdentity.get(before.identity)!;
      pods.delete(pod);
      if (pods.size === 0) this.#byIdentity.delete(before.identity);
    }
    if (ports === undefined || ports.length === 0) return before === undefined ? [] : [before.identity];
    this.#pods.set(pod, { identity, ports });
    const pods = this.#byIdentity.get(identity);
    if (pods === undefined) this.#byIdentity.set(identity, new Set([pod]));
    else pods.add(pod);
    return before === undefined || before.identity === identity ? [identity] : [before.identity, identity];
  }

  /** Of all pods of an identity: each once, sorted. A name may stand for several ports. */
  of(identity: number): readonly NamedPort[] {
    const pods = this.#byIdentity.get(identity);
    if (pods === undefined) return none;
    const all = new Map<string, NamedPort>();
    for (const pod of pods) for (const port of this.#pods.get(pod)!.ports) all.set(formatPort(port), port);
    return [...all].sort(([a], [b]) => compareText(a, b)).map(([, port]) => port);
  }
}

const none: readonly NamedPort[] = [];
