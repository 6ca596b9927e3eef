import { Fault } from '../../lib/fault.ts';
import { bitsOf, formatIp, type IpFamily } from '../../lib/ip-address.ts';
import { overlaps, type PodCidr, podCidrOf } from './pod-cidr.ts';

/** Networks of the cluster, out of which nodes get CIDRs of one size. */
export interface ClusterPoolOptions {
  readonly cidrs: readonly string[];
  /** Prefix length of a node's CIDR. */
  readonly maskSize: number;
}

export type ClusterPoolsOptions = Readonly<Partial<Record<'ipv4' | 'ipv6', ClusterPoolOptions>>>;

/** As Cilium's operator has them. */
export const defaultMaskSizes = { ipv4: 24, ipv6: 120 } as const;

interface Pool {
  readonly cidr: PodCidr;
  readonly maskSize: number;
  /** Addresses of a node's CIDR. */
  readonly step: bigint;
  /** Where the search begins: behind what was given out last. */
  next: bigint;
  /** Nothing was free, and nothing has come back since. */
  full: boolean;
}

/**
 * Which node has which CIDR. Any CIDR counts that a node has, also one that is of no pool (any more) or of another size:
 * what is given out overlaps with none of them. What came back last is given out last, so that a node whose object is made
 * anew a moment later finds its own CIDR free.
 */
export class ClusterPools {
  readonly #pools: readonly Pool[];
  /** By CIDR. More than one node only where somebody else made it so. */
  readonly #holders = new Map<string, { readonly cidr: PodCidr; readonly nodes: Set<string> }>();
  readonly #byNode = new Map<string, Set<string>>();
  /** By `LENGTH ADDRESS` of every network that has one of the size of pools in it: how many CIDRs are held inside. */
  readonly #inside = new Map<string, number>();
  /** Prefix lengths of what is held, and how many there are of each. */
  readonly #lengths: Readonly<Record<IpFamily, Map<number, number>>> = { 4: new Map(), 6: new Map() };

  /** @throws Fault IPAM_POOLS */
  constructor({ ipv4, ipv6 }: ClusterPoolsOptions) {
    const pools = [...poolsOf(4, ipv4), ...poolsOf(6, ipv6)];
    for (const [i, { cidr }] of pools.entries())
      for (const other of pools.slice(0, i))
        if (overlaps(cidr, other.cidr))
          throw fault(`${cidr.text} and ${other.cidr.text} overlap`, 'name each network once');
    this.#pools = pools;
  }

  /** Those that nodes get CIDRs of. */
  get families(): IpFamily[] {
    return ([4, 6] as const).filter((family) => this.#pools.some(({ cidr }) => cidr.family === family));
  }

  /** Who has a CIDR that this one overlaps with, other than this node; with which one. */
  conflict(node: string, text: string): { readonly node: string; readonly cidr: string } | undefined {
    const cidr = podCidrOf(text);
    if (cidr === undefined) return undefined;
    const same = this.#holders.get(cidr.text);
    const other = same === undefined ? undefined : [...same.nodes].find((each) => each !== node);
    if (other !== undefined) return { node: other, cidr: cidr.text };
    if (!this.#isTouched(cidr)) return undefined;
    for (const holder of this.#holders.values()) {
      if (!overlaps(holder.cidr, cidr)) continue;
      const owner = [...holder.nodes].find((each) => each !== node);
      if (owner !== undefined) return { node: owner, cidr: holder.cidr.text };
    }
    return undefined;
  }

  cidrsOf(node: string): ReadonlySet<string> {
    return this.#byNode.get(node) ?? nothing;
  }

  /** The node has it, whoever else may. False for what is no CIDR. */
  claim(node: string, text: string): boolean {
    const cidr = podCidrOf(text);
    if (cidr === undefined) return false;
    const own = this.#byNode.get(node) ?? new Set();
    if (own.has(cidr.text)) return true;
    this.#byNode.set(node, own.add(cidr.text));
    const holder = this.#holders.get(cidr.text);
    if (holder !== undefined) holder.nodes.add(node);
    else {
      this.#holders.set(cidr.text, { cidr, nodes: new Set([node]) });
      this.#count(cidr, 1);
    }
    return true;
  }

  release(node: string, text: string): void {
    const cidr = podCidrOf(text);
    const own = this.#byNode.get(node);
    if (cidr === undefined || own?.delete(cidr.text) !== true) return;
    if (own.size === 0) this.#byNode.delete(node);
    const holder = this.#holders.get(cidr.text);
    if (holder?.nodes.delete(node) !== true || holder.nodes.size > 0) return;
    this.#holders.delete(cidr.text);
    this.#count(cidr, -1);
    for (const pool of this.#pools) if (overlaps(pool.cidr, cidr)) pool.full = false;
  }

  releaseAll(node: string): void {
    for (const text of [...this.cidrsOf(node)]) this.release(node, text);
  }

  /**
   * Gives the node a CIDR that nobody has a part of; undefined when the pools of the family are empty.
   * @param avoid not these, though they may be free: the node has not noticed yet that it lost them
   */
  allocate(node: string, family: IpFamily, avoid: ReadonlySet<string> = nothing): string | undefined {
    for (const pool of this.#pools) {
      if (pool.cidr.family !== family || pool.full) continue;
      const text = this.#search(pool, avoid);
      if (text === undefined) continue;
      this.claim(node, text);
      return text;
    }
    return undefined;
  }

  #search(pool: Pool, avoid: ReadonlySet<string>): string | undefined {
    const { cidr, maskSize, step } = pool;
    let avoided = false;
    const scan = (from: bigint, to: bigint): string | undefined => {
      for (let first = from; first <= to; first += step) {
        const block = { family: cidr.family, first, last: first + step - 1n };
        const wide = this.#around(block, maskSize);
        // Behind all of what somebody has here.
        if (wide !== undefined) first = wide.last + 1n - step;
        if (wide !== undefined || this.#inside.has(keyOf(block, maskSize))) continue;
        const text = `${formatIp({ family: cidr.family, value: first })}/${maskSize}`;
        if (avoid.has(text)) {
          avoided = true;
          continue;
        }
        pool.next = first + step;
        return text;
      }
      return undefined;
    };
    const start = pool.next > cidr.last ? cidr.first : pool.next;
    const found = scan(start, cidr.last) ?? scan(cidr.first, start - 1n);
    if (found === undefined && !avoided) pool.full = true;
    return found;
  }

  /** What is held of which this block is a part, or the whole. */
  #around({ family, first }: Block, length: number): PodCidr | undefined {
    for (const held of this.#lengths[family].keys()) {
      if (held > length) continue;
      const host = BigInt(bitsOf(family) - held);
      const value = (first >> host) << host;
      const holder = this.#holders.get(`${formatIp({ family, value })}/${held}`);
      if (holder !== undefined) return holder.cidr;
    }
    return undefined;
  }

  /** Whether anything held may overlap with it: exact for what is of a pool's size, else a yes at most too many. */
  #isTouched(cidr: PodCidr): boolean {
    if (this.#around(cidr, cidr.length) !== undefined) return true;
    return [...this.#lengths[cidr.family].keys()].some((length) => length > cidr.length);
  }

  #count(cidr: PodCidr, difference: 1 | -1): void {
    add(this.#lengths[cidr.family], cidr.length, difference);
    for (const length of new Set(this.#pools.map(({ maskSize }) => maskSize))) {
      if (cidr.length < length) continue;
      const host = BigInt(bitsOf(cidr.family) - length);
      const first = (cidr.first >> host) << host;
      add(this.#inside, keyOf({ family: cidr.family, first }, length), difference);
    }
  }
}

interface Block {
  readonly family: IpFamily;
  readonly first: bigint;
}

const keyOf = ({ family, first }: Block, length: number): string => `${family} ${length} ${first}`;

function add<K>(counts: Map<K, number>, key: K, difference: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + difference;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

const nothing: ReadonlySet<string> = new Set();

function poolsOf(family: IpFamily, options: ClusterPoolOptions | undefined): Pool[] {
  if (options === undefined) return [];
  const { cidrs, maskSize } = options;
  return cidrs.map((text) => {
    const cidr = podCidrOf(text);
    if (cidr?.family !== family)
      throw fault(
        `${JSON.stringify(text)} is no IPv${family} network`,
        `write it as ${family === 4 ? '10.0.0.0/8' : 'fd00::/104'}`,
      );
    if (!Number.isInteger(maskSize) || maskSize < cidr.length || maskSize > bitsOf(family))
      throw fault(
        `a node cannot have a /${maskSize} of ${cidr.text}`,
        `choose a mask size from ${cidr.length} to ${bitsOf(family)}`,
      );
    const step = 1n << BigInt(bitsOf(family) - maskSize);
    return { cidr, maskSize, step, next: cidr.first, full: false };
  });
}

const fault = (problem: string, hint: string): Fault => new Fault('IPAM_POOLS', `cluster pools: ${problem}`, { hint });
