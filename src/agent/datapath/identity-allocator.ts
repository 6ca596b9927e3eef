import { createHash } from 'node:crypto';
import type { CiliumIdentity } from '../../api/index.ts';
import { Fault } from '../../lib/fault.ts';
import { ciliumIdentityManifest } from '../../network/endpoint/index.ts';
import {
  CLUSTER_IDENTITIES,
  type Labels,
  labelsKey,
  labelsOfMap,
  scopeOf,
  UNUSED_MARK,
} from '../../network/identity/index.ts';
import type { Collection, Index } from '../../store/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';

const numbers = CLUSTER_IDENTITIES.last - CLUSTER_IDENTITIES.first + 1;
/** Numbers that others have may be tried in vain so often; the tables know all but the newest. */
const mostTries = 64;

/**
 * Numbers for labels. A number that the cluster has for them is taken; else one is created. The first that is tried follows from
 * the labels, so nodes that need the same identity at the same time try the same number: one creates it, and the others find theirs.
 */
export class IdentityAllocator {
  readonly #objects: ClusterObjects;
  readonly #identities: Collection<CiliumIdentity>;
  readonly #byLabels: Index<CiliumIdentity>;
  readonly #running = new Map<string, Promise<number>>();

  constructor(identities: Collection<CiliumIdentity>, objects: ClusterObjects) {
    this.#objects = objects;
    this.#identities = identities;
    this.#byLabels = identities.index('labels', (identity) => labelsKey(labelsOfMap(identity.securityLabels)));
  }

  /** The number that is known already and may be used at once: of several, the lowest. One that is about to be deleted may not. */
  known(labels: Labels): number | undefined {
    return this.#lowest(labels, (identity) => !isMarked(identity))?.id;
  }

  /** @throws Fault IDENTITIES_EXHAUSTED, or of the API server */
  async allocate(labels: Labels): Promise<number> {
    const known = this.known(labels);
    if (known !== undefined) return known;
    const key = labelsKey(labels);
    let running = this.#running.get(key);
    if (running === undefined) {
      running = this.#create(labels).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  /** Undefined where it takes longer than so many ms, or fails; it is still asked for then. */
  async allocateWithin(labels: Labels, patience: number): Promise<number | undefined> {
    const known = this.known(labels);
    if (known !== undefined) return known;
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, patience, undefined).unref());
    return Promise.race([this.allocate(labels).catch(() => undefined), late]);
  }

  #lowest(labels: Labels, fits: (identity: CiliumIdentity) => boolean): CiliumIdentity | undefined {
    const found = this.#byLabels.get(labelsKey(labels)).filter((one) => scopeOf(one.id) !== 'reserved' && fits(one));
    return found.sort((a, b) => a.id - b.id)[0];
  }

  async #create(labels: Labels): Promise<number> {
    const key = labelsKey(labels);
    const marked = this.#lowest(labels, isMarked);
    if (marked !== undefined && (await this.#objects.keepIdentity(marked))) return marked.id;
    let offset = createHash('sha256').update(key).digest().readUInt32LE(0) % numbers;
    for (let tries = 0, looked = 0; tries < mostTries && looked < numbers; looked++, offset = (offset + 1) % numbers) {
      const id = CLUSTER_IDENTITIES.first + offset;
      const taken = this.#identities.get(`${id}`);
      if (taken !== undefined) continue;
      tries++;
      const found = (await this.#objects.createOnce(ciliumIdentityManifest({ id, labels }))) as
        | CiliumIdentity
        | undefined;
      if (found !== undefined && labelsKey(labelsOfMap(found.securityLabels)) === key) return id;
    }
    throw new Fault(
      'IDENTITIES_EXHAUSTED',
      `identity of ${labels.join(', ')}: no number between ${CLUSTER_IDENTITIES.first} and ${CLUSTER_IDENTITIES.last} is free`,
      {
        hint: 'leave labels that differ on every pod out of identities: --labels',
      },
    );
  }
}

const isMarked = ({ metadata }: CiliumIdentity): boolean => metadata.annotations[UNUSED_MARK] !== undefined;
