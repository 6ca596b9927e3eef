import { type DatapathMaps, type Desired, MapStage, type Stage, Stages } from '../../datapath/index.ts';
import type { Ipcache4Key, IpcacheEntry as IpcacheValue } from '../../gen/abi.ts';
import type { Ipcache, PrefixChange } from '../../network/routing/index.ts';
import { ipcachePair, prefixKey, prefixText } from './encode.ts';

type Key = Ipcache4Key;

/** Who is behind which prefix, as the two ipcache maps have it. It is told changes, as the caller knows when each may be written. */
export class PrefixStage implements Stage {
  readonly #families: Readonly<Record<4 | 6, PrefixEntries>>;
  readonly #stages: Stages;

  constructor({ ipcache4, ipcache6 }: Pick<DatapathMaps, 'ipcache4' | 'ipcache6'>, ipcache: Ipcache) {
    this.#families = { 4: new PrefixEntries(ipcache, 4), 6: new PrefixEntries(ipcache, 6) };
    // The longest come first and go last: an address is never, for a moment, of a network that it is not of in the end.
    const removalOrder = (a: Key, b: Key) => a.prefixlen - b.prefixlen;
    this.#stages = new Stages([
      new MapStage(ipcache4, this.#families[4], { removalOrder }),
      new MapStage(ipcache6, this.#families[6], { removalOrder }),
    ]);
  }

  /** Changes of the ipcache that the next `fill` writes. */
  next(changes: readonly PrefixChange[]): void {
    for (const change of changes) this.#families[change.prefix.includes(':') ? 6 : 4].next.push(change);
  }

  fill(): void {
    this.#stages.fill();
  }
  drain(): void {
    this.#stages.drain();
  }
  check(): Generator<void, number> {
    return this.#stages.check();
  }
  states() {
    return this.#stages.states();
  }
}

/** One family's prefixes, as entries of its map. */
class PrefixEntries implements Desired<Key, IpcacheValue> {
  readonly #ipcache: Ipcache;
  readonly #family: 4 | 6;
  next: PrefixChange[] = [];

  constructor(ipcache: Ipcache, family: 4 | 6) {
    this.#ipcache = ipcache;
    this.#family = family;
  }

  get size(): number {
    let size = 0;
    for (const { prefix } of this.#ipcache.values()) if (this.#isMine(prefix)) size++;
    return size;
  }

  get({ address, prefixlen }: Key): IpcacheValue | undefined {
    const entry = this.#ipcache.get(prefixText(address, prefixlen));
    return entry === undefined ? undefined : ipcachePair(entry).value;
  }

  *entries(): Generator<readonly [Key, IpcacheValue]> {
    const mine = [...this.#ipcache.values()].filter(({ prefix }) => this.#isMine(prefix));
    for (const entry of mine.sort((a, b) => lengthOf(b.prefix) - lengthOf(a.prefix))) {
      const { key, value } = ipcachePair(entry);
      yield [key, value];
    }
  }

  *keys(): Generator<Key> {
    for (const { prefix } of this.#ipcache.values()) if (this.#isMine(prefix)) yield prefixKey(prefix).key;
  }

  *changes(): Generator<readonly [Key, IpcacheValue | undefined]> {
    const changes = this.next;
    this.next = [];
    for (const { prefix, entry } of changes.sort((a, b) => lengthOf(b.prefix) - lengthOf(a.prefix)))
      yield [prefixKey(prefix).key, entry === undefined ? undefined : ipcachePair(entry).value];
  }

  #isMine(prefix: string): boolean {
    return prefix.includes(':') === (this.#family === 6);
  }
}

function lengthOf(prefix: string): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}
