import { contains, formatIp, type IpAddress, type IpFamily, type IpRange } from '../../lib/ip-address.ts';
import { isUsable, type PodCidr, sizeOfRange } from './pod-cidr.ts';

/** An address that somebody has. */
export interface Holding extends IpAddress {
  readonly text: string;
  readonly owner: string;
  readonly description: string;
  readonly expires?: number;
}

/** A Pod CIDR of this node, and what of it is left. */
export interface CidrState {
  readonly cidr: PodCidr;
  /** Nothing more is given out: the operator may take it, or has taken it while addresses of it are still in use. */
  closed: 'released' | 'retired' | undefined;
  readonly total: bigint;
  /** Of these, given out. */
  used: bigint;
  /** All in the network that somebody has, reserved ones included. */
  held: number;
}

/**
 * Who has which address of this node, and where the next free one is. Pure bookkeeping: it decides nothing, and one address
 * has one owner whatever it is told. What is taken counts in a Pod CIDR that comes later, too.
 */
export class AddressBook {
  readonly #holdings: Readonly<Record<IpFamily, Map<bigint, Holding>>> = { 4: new Map(), 6: new Map() };
  readonly #byOwner = new Map<string, Holding[]>();
  readonly #reserved: readonly IpRange[];
  #cidrs: CidrState[] = [];
  /** By CIDR: the address that was given out last. Also of CIDRs that are not known yet: a record is read before they are. */
  readonly #last = new Map<string, bigint>();

  /** @param reserved never given out, though they may stand in a Pod CIDR: addresses of the node itself, of services */
  constructor(reserved: readonly IpRange[] = []) {
    this.#reserved = reserved;
  }

  get cidrs(): readonly CidrState[] {
    return this.#cidrs;
  }
  get size(): number {
    return this.#holdings[4].size + this.#holdings[6].size;
  }

  /** Costs what is held. Those that are there already keep their state. */
  setCidrs(cidrs: readonly PodCidr[]): void {
    const texts = new Set(cidrs.map(({ text }) => text));
    for (const text of this.#last.keys()) if (!texts.has(text)) this.#last.delete(text);
    const before = new Map(this.#cidrs.map((state) => [state.cidr.text, state]));
    this.#cidrs = cidrs.map((cidr) => before.get(cidr.text) ?? this.#newState(cidr));
  }

  holder({ family, value }: IpAddress): Holding | undefined {
    return this.#holdings[family].get(value);
  }
  heldBy(owner: string): readonly Holding[] {
    return this.#byOwner.get(owner) ?? [];
  }
  owners(): IterableIterator<string> {
    return this.#byOwner.keys();
  }
  /** By family, then by number. */
  holdings(): Holding[] {
    return ([4, 6] as const).flatMap((family) =>
      [...this.#holdings[family].values()].sort((a, b) => (a.value < b.value ? -1 : 1)),
    );
  }

  /** Undefined where every Pod CIDR of the family is full or closed. Takes nothing. */
  firstFree(family: IpFamily): { readonly address: IpAddress; readonly cidr: PodCidr } | undefined {
    for (const state of this.#cidrs) {
      if (state.cidr.family !== family || state.closed !== undefined || state.used >= state.total) continue;
      const value = this.#search(state);
      if (value !== undefined) return { address: { family, value }, cidr: state.cidr };
    }
    return undefined;
  }

  /** Whether it may be given to somebody who asks for this very address, if it is free. */
  isOffered(address: IpAddress): boolean {
    if (this.#isReserved(address)) return false;
    return this.#cidrs.some(({ cidr, closed }) => closed === undefined && isUsable(cidr, address));
  }

  /** The caller has seen that nobody has it. */
  take(address: IpAddress, { owner, description, expires }: Omit<Holding, 'text' | keyof IpAddress>): void {
    const { family, value } = address;
    const there = this.#holdings[family].get(value);
    if (there !== undefined) throw new Error(`bug: ${there.text} is ${there.owner}'s and was to be ${owner}'s as well`);
    const holding: Holding = {
      ...{ family, value, text: formatIp(address), owner, description },
      ...(expires === undefined ? {} : { expires }),
    };
    this.#holdings[family].set(value, holding);
    const others = this.#byOwner.get(owner);
    if (others === undefined) this.#byOwner.set(owner, [holding]);
    else others.push(holding);
    for (const state of this.#cidrs) this.#count(state, address, 1);
  }

  drop(address: IpAddress): void {
    const { family, value } = address;
    const holding = this.#holdings[family].get(value);
    if (holding === undefined) return;
    this.#holdings[family].delete(value);
    const rest = this.heldBy(holding.owner).filter((each) => each !== holding);
    if (rest.length === 0) this.#byOwner.delete(holding.owner);
    else this.#byOwner.set(holding.owner, rest);
    for (const state of this.#cidrs) this.#count(state, address, -1);
  }

  /** The next search in this CIDR begins behind this address. */
  passed(cidr: string, address: IpAddress): void {
    this.#last.set(cidr, address.value);
  }
  /** By CIDR, the address that was given out last. */
  lastGiven(): ReadonlyMap<string, bigint> {
    return this.#last;
  }

  /** From where the last search ended to the end, then from the beginning: what came free last is found last. */
  #search({ cidr }: CidrState): bigint | undefined {
    const { first, last } = cidr.usable;
    const next = (this.#last.get(cidr.text) ?? first - 1n) + 1n;
    const start = next < first || next > last ? first : next;
    return this.#scan(cidr.family, start, last) ?? this.#scan(cidr.family, first, start - 1n);
  }

  #scan(family: IpFamily, from: bigint, to: bigint): bigint | undefined {
    for (let value = from; value <= to; value++) {
      if (this.#holdings[family].has(value)) continue;
      const range = this.#reserved.find((each) => contains(each, { family, value }));
      if (range === undefined) return value;
      value = range.last;
    }
    return undefined;
  }

  #newState(cidr: PodCidr): CidrState {
    const state: CidrState = {
      cidr,
      closed: undefined,
      total: sizeOfRange(cidr.usable) - this.#reservedIn(cidr),
      used: 0n,
      held: 0,
    };
    for (const address of this.#holdings[cidr.family].values()) this.#count(state, address, 1);
    return state;
  }

  #count(state: CidrState, address: IpAddress, difference: 1 | -1): void {
    if (!contains(state.cidr, address)) return;
    state.held += difference;
    // An address that nobody could have been given takes no room.
    if (isUsable(state.cidr, address) && !this.#isReserved(address)) state.used += BigInt(difference);
  }
  #isReserved(address: IpAddress): boolean {
    return this.#reserved.some((range) => contains(range, address));
  }

  /** Ranges may overlap: counted piece by piece. */
  #reservedIn({ family, usable }: PodCidr): bigint {
    const ranges = this.#reserved
      .filter((range) => range.family === family && range.first <= usable.last && range.last >= usable.first)
      .sort((a, b) => (a.first < b.first ? -1 : 1));
    let sum = 0n;
    let from = usable.first;
    for (const { first, last } of ranges) {
      const begin = greater(first, from);
      const end = lesser(last, usable.last);
      if (end < begin) continue;
      sum += end - begin + 1n;
      from = end + 1n;
    }
    return sum;
  }
}

// Math.min and Math.max are for numbers.
const lesser = (a: bigint, b: bigint): bigint => [a, b].reduce((x, y) => (y < x ? y : x));
const greater = (a: bigint, b: bigint): bigint => [a, b].reduce((x, y) => (y > x ? y : x));
