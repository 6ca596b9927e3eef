/** Ports whose first `bits` of 16 bits are those of `port`. */
export interface PortPrefix {
  readonly port: number;
  readonly bits: number;
}

/** The fewest prefixes that hold the ports from `first` to `last`, both included, and no other: at most 30. */
export function portPrefixes(first: number, last: number): PortPrefix[] {
  const prefixes: PortPrefix[] = [];
  for (let port = first; port <= last; ) {
    let bits = 16;
    while (bits > 0) {
      const size = 1 << (17 - bits);
      if (port % size !== 0 || port + size - 1 > last) break;
      bits--;
    }
    prefixes.push({ port, bits });
    port += 1 << (16 - bits);
  }
  return prefixes;
}
