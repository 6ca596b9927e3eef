/**
 * What was made last, by key: at most `limit` values, and all are forgotten when there would be more. For values that many
 * inputs in a row have in common and that can be made again at any time.
 */
export class Recent<V> {
  readonly #limit: number;
  readonly #values = new Map<string, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string, make: () => V): V {
    let value = this.#values.get(key);
    if (value !== undefined) return value;
    if (this.#values.size >= this.#limit) this.#values.clear();
    value = make();
    this.#values.set(key, value);
    return value;
  }
}
