import { type Prefix, parsePrefix } from '../identity/index.ts';

/** Sets of networks with names: CiliumCIDRGroups, addresses that DNS gave. */
export class NamedPrefixes {
  readonly #sets = new Map<string, readonly Prefix[]>();

  /** Empty where nothing is known. */
  get(name: string): readonly Prefix[] {
    return this.#sets.get(name) ?? none;
  }

  /** What is no network is left out. */
  set(name: string, prefixes: readonly string[]): void {
    const parsed = prefixes.map(parsePrefix).filter((prefix) => prefix !== undefined);
    if (parsed.length === 0) this.#sets.delete(name);
    else this.#sets.set(name, parsed);
  }
}

const none: readonly Prefix[] = [];
