import { fnv1a } from '../../lib/fnv1a.ts';
import { type Identity, NODE_IDENTITIES } from './identity.ts';
import { type Label, type Labels, labelsKey, makeLabels } from './labels.ts';
import { reserved, reservedIdentities } from './reserved.ts';

/** Of labels that nodes have: selectors of pods do not mean them. */
export const NODE_LABEL_SOURCE = 'node';

/** Of a node's labels those that policies ask for (`keys`): by the others nobody tells nodes apart. */
export function nodeLabels(labels: Readonly<Record<string, string>>, keys: ReadonlySet<string>): Label[] {
  return Object.entries(labels)
    .filter(([key]) => keys.has(key))
    .map(([key, value]) => ({ source: NODE_LABEL_SOURCE, key, value }));
}

/** What the identity of another node's address is made of; that of an API server has a label more. */
export function remoteNodeLabels(labels: Iterable<Label>, isApiServer: boolean): Labels {
  const names = isApiServer ? ['remote-node', 'kube-apiserver'] : ['remote-node'];
  return makeLabels([...labels, ...names.map((key) => ({ source: 'reserved', key, value: '' }))]);
}

/**
 * Numbers for other nodes, by their labels: the reserved ones where no policy tells a node apart, else local ones from 2^25 on. A
 * number follows from its labels, so it is the same after a restart, and no other labels get it soon.
 */
export class NodeIdentities {
  readonly #byKey = new Map<string, Identity>();
  readonly #taken = new Set<number>();

  /**
   * All labels that are needed from now on ({@link remoteNodeLabels}).
   * @returns what is different: one that is removed goes first, as its number may be another one's
   */
  update(wanted: Iterable<Labels>): { readonly removed: readonly Identity[]; readonly added: readonly Identity[] } {
    const all = new Map(Array.from(wanted, (labels) => [labelsKey(labels), labels] as const));
    const removed = [...this.#byKey].filter(([key]) => !all.has(key)).map(([, identity]) => identity);
    for (const { id, labels } of removed) {
      this.#byKey.delete(labelsKey(labels));
      this.#taken.delete(id);
    }
    const added: Identity[] = [];
    for (const [key, labels] of all) {
      if (reservedNumbers.has(key) || this.#byKey.has(key)) continue;
      const identity = { id: this.#free(key), labels };
      this.#byKey.set(key, identity);
      this.#taken.add(identity.id);
      added.push(identity);
    }
    return { removed, added };
  }

  /** Of labels that the last {@link update} had. */
  numberOf(labels: Labels): number {
    const key = labelsKey(labels);
    return this.#byKey.get(key)?.id ?? reservedNumbers.get(key) ?? reserved['remote-node'];
  }

  /** Where two labels meet, the later one gets the next number. */
  #free(key: string): number {
    const count = NODE_IDENTITIES.last - NODE_IDENTITIES.first + 1;
    let offset = fnv1a(key) % count;
    while (this.#taken.has(NODE_IDENTITIES.first + offset)) offset = (offset + 1) % count;
    return NODE_IDENTITIES.first + offset;
  }
}

const reservedNumbers: ReadonlyMap<string, number> = new Map(
  reservedIdentities
    .filter(({ labels }) => labels.includes('reserved:remote-node'))
    .map(({ id, labels }) => [labelsKey(labels), id]),
);
