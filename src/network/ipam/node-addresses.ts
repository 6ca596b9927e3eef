import type { PodCidrStatus } from '../../api/index.ts';
import { Fault } from '../../lib/fault.ts';
import { formatIp, type IpAddress, type IpFamily, type IpRange, parseIp } from '../../lib/ip-address.ts';
import { AddressBook, type CidrState } from './address-book.ts';
import { familyName, type PodCidr, podCidrOf } from './pod-cidr.ts';
import { defaultThresholds, podCidrStatuses, releasable, type Thresholds } from './pod-cidr-demand.ts';
import type { RecordEntry } from './record-entry.ts';
import type { AllocateOptions, Allocation, ClaimOptions, IpamDump, IpamMode } from './types.ts';

export interface NodeAddressesOptions {
  readonly mode: IpamMode;
  readonly families: readonly IpFamily[];
  /** Never given out, though they may stand in a Pod CIDR. */
  readonly reserved?: readonly IpRange[];
}

/** What a node is told of its Pod CIDRs: by its Node's `spec.podCIDRs`, or by its CiliumNode. */
export interface PodCidrsOfNode {
  readonly podCidrs: readonly string[];
  /** The CiliumNode's `status.ipam.pod-cidrs`, as this node wrote it last. */
  readonly statuses?: Readonly<Record<string, PodCidrStatus>>;
  readonly thresholds?: Partial<Thresholds>;
}

/**
 * A node's addresses, as a machine that is driven by entries: the `plan...` functions say what should happen and change
 * nothing; {@link apply} makes it so. Between the two the caller writes the entries to disk.
 */
export class NodeAddresses {
  readonly #options: NodeAddressesOptions;
  readonly #book: AddressBook;
  readonly #released = new Set<string>();
  #thresholds: Thresholds = defaultThresholds;
  #known = false;

  constructor(options: NodeAddressesOptions) {
    this.#options = options;
    this.#book = new AddressBook(options.reserved);
  }

  /** It has been told of Pod CIDRs, even if there are none. */
  get known(): boolean {
    return this.#known;
  }
  get book(): Pick<AddressBook, 'holder' | 'heldBy' | 'owners' | 'size'> {
    return this.#book;
  }

  /** Returns what is to be written down, and what in it is no CIDR, or of a family that this node has not. */
  setPodCidrs({ podCidrs, statuses = {}, thresholds = {} }: PodCidrsOfNode): {
    readonly entries: RecordEntry[];
    readonly invalid: string[];
  } {
    this.#known = true;
    this.#thresholds = { ...defaultThresholds, ...thresholds };
    const invalid: string[] = [];
    const cidrs = new Map<string, PodCidr>();
    for (const text of podCidrs) {
      const cidr = podCidrOf(text);
      if (cidr === undefined || !this.#options.families.includes(cidr.family)) invalid.push(text);
      else cidrs.set(cidr.text, cidr);
    }
    const entries = [...this.#released]
      .filter((cidr) => !cidrs.has(cidr))
      .map((cidr): RecordEntry => ({ op: 'forget', cidr }));
    // What is ours no more, as long as it is in use.
    const listed = new Set(cidrs.keys());
    const former = [
      ...this.#book.cidrs.map(({ cidr }) => cidr),
      ...Object.keys(statuses).flatMap((text) => podCidrOf(text) ?? []),
    ];
    for (const cidr of former) if (!cidrs.has(cidr.text)) cidrs.set(cidr.text, cidr);
    this.#book.setCidrs([...cidrs.values()]);
    for (const state of this.#book.cidrs) {
      const { text } = state.cidr;
      if (!listed.has(text)) state.closed = 'retired';
      else state.closed = this.#released.has(text) || statuses[text] === 'released' ? 'released' : undefined;
    }
    this.#dropRetired();
    return { entries, invalid };
  }

  /** Entries and result; or the family of which nothing is left. */
  planAllocate(
    owner: string,
    families: readonly IpFamily[],
    { description, expires }: AllocateOptions = {},
  ): { readonly entries: RecordEntry[]; readonly missing?: IpFamily } {
    const entries: RecordEntry[] = [];
    for (const family of new Set(families)) {
      this.#checkFamily(family);
      if (this.#book.heldBy(owner).some((each) => each.family === family)) continue;
      const found = this.#book.firstFree(family);
      if (found === undefined) return { entries: [], missing: family };
      entries.push(takeEntry(found.address, { owner, description, expires, cidr: found.cidr.text }));
    }
    return { entries };
  }

  planClaim(text: string, owner: string, { description, restored = false }: ClaimOptions = {}): RecordEntry[] {
    const address = parseIp(text);
    if (address === undefined) throw new Fault('IPAM_INVALID', `claim ${JSON.stringify(text)}: not an IP address`);
    const holder = this.#book.holder(address);
    if (holder?.owner === owner) return [];
    if (holder !== undefined)
      throw new Fault('IPAM_IN_USE', `claim ${holder.text} for ${owner}: it belongs to ${holder.description}`);
    // What lives on from before is never turned away.
    if (!restored) {
      this.#checkFamily(address.family);
      if (!this.#book.isOffered(address))
        throw new Fault(
          'IPAM_OUT_OF_RANGE',
          `claim ${formatIp(address)} for ${owner}: not in a Pod CIDR of this node, or reserved`,
          { hint: `Pod CIDRs: ${this.#book.cidrs.map(({ cidr }) => cidr.text).join(', ') || 'none'}` },
        );
    }
    return [takeEntry(address, { owner, description })];
  }

  planHandOver(text: string, owner: string, { description, expires }: AllocateOptions = {}): RecordEntry[] {
    return [takeEntry(addressOf(text), { owner, description, expires, fromHolder: true })];
  }

  planRelease(owner: string, address?: string): RecordEntry[] {
    const held = this.#book.heldBy(owner).filter(({ text }) => address === undefined || text === address);
    return held.map(({ text }) => ({ op: 'drop', address: text }));
  }

  /** Everybody else's addresses go. */
  planRestored(owners: Iterable<string>): RecordEntry[] {
    const alive = new Set(owners);
    return this.#book
      .holdings()
      .filter(({ owner }) => !alive.has(owner))
      .map(({ text }) => ({ op: 'drop', address: text }));
  }

  /** Pod CIDRs that the node should give back: only where the operator takes them. */
  planCidrReleases(): RecordEntry[] {
    if (this.#options.mode !== 'cluster-pool-v2beta') return [];
    return releasable(this.#book.cidrs, this.#thresholds).map(({ cidr }) => ({ op: 'release', cidr: cidr.text }));
  }

  apply(entry: RecordEntry): void {
    switch (entry.op) {
      case 'take': {
        const address = addressOf(entry.address);
        const { owner, description = owner, expires } = entry;
        // Without looking in between whether its Pod CIDR is empty: that would be forgotten, and given to another node.
        if (entry.fromHolder) this.#book.drop(address);
        this.#book.take(address, { owner, description, ...(expires === undefined ? {} : { expires }) });
        if (entry.cidr !== undefined) this.#book.passed(entry.cidr, address);
        return;
      }
      case 'drop':
        this.#book.drop(addressOf(entry.address));
        this.#dropRetired();
        return;
      case 'passed':
        this.#book.passed(entry.cidr, addressOf(entry.address));
        return;
      case 'release':
        this.#released.add(entry.cidr);
        for (const state of this.#book.cidrs) if (state.cidr.text === entry.cidr) state.closed = 'released';
        return;
      case 'forget':
        this.#released.delete(entry.cidr);
    }
  }

  /** The state in as few entries as make it again. */
  entries(): RecordEntry[] {
    return [
      ...this.#book.holdings().map((each) => takeEntry(each, each)),
      ...[...this.#book.lastGiven()].map(([cidr, value]): RecordEntry => {
        const family = cidr.includes(':') ? 6 : 4;
        return { op: 'passed', cidr, address: formatIp({ family, value }) };
      }),
      ...[...this.#released].map((cidr): RecordEntry => ({ op: 'release', cidr })),
    ];
  }

  allocationOf(owner: string): Allocation | undefined {
    const held = this.#book.heldBy(owner);
    if (held.length === 0) return undefined;
    const ipv4 = held.find(({ family }) => family === 4)?.text;
    const ipv6 = held.find(({ family }) => family === 6)?.text;
    return { owner, ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
  }

  statuses(): Map<string, PodCidrStatus> {
    return podCidrStatuses(this.#book.cidrs, this.#thresholds);
  }

  /** Those of which it may give out something, in order. */
  openCidrs(): PodCidr[] {
    return this.#book.cidrs.flatMap(({ cidr, closed }) => (closed === undefined ? [cidr] : []));
  }

  dump(): IpamDump {
    const statuses = this.statuses();
    return {
      mode: this.#options.mode,
      families: this.#options.families,
      podCidrs: this.#book.cidrs.map(({ cidr, closed, total, used }: CidrState) => ({
        cidr: cidr.text,
        family: cidr.family,
        status: statuses.get(cidr.text) ?? 'in-use',
        isOpen: closed === undefined,
        total,
        used,
      })),
      allocations: this.#book.holdings().map(({ text, family, owner, description, expires }) => ({
        ...{ address: text, family, owner, description },
        ...(expires === undefined ? {} : { expires }),
      })),
    };
  }

  #dropRetired(): void {
    const { cidrs } = this.#book;
    const kept = cidrs.filter(({ closed, held }) => closed !== 'retired' || held > 0);
    if (kept.length < cidrs.length) this.#book.setCidrs(kept.map(({ cidr }) => cidr));
  }

  #checkFamily(family: IpFamily): void {
    if (this.#options.families.includes(family)) return;
    const name = familyName(family);
    throw new Fault('IPAM_FAMILY_DISABLED', `allocate: ${name} is off on this node`, {
      hint: `start the agent with --enable-${name.toLowerCase()}`,
    });
  }
}

/** Entries come from here, or from a record whose lines have been checked. */
function addressOf(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`bug: ${JSON.stringify(text)} is no address`);
  return address;
}

function takeEntry(address: IpAddress, { owner, description, expires, cidr, fromHolder }: TakeOptions): RecordEntry {
  return {
    op: 'take',
    address: formatIp(address),
    owner,
    ...(description === undefined || description === owner ? {} : { description }),
    ...(cidr === undefined ? {} : { cidr }),
    ...(expires === undefined ? {} : { expires }),
    ...(fromHolder ? { fromHolder } : {}),
  };
}

interface TakeOptions {
  readonly owner: string;
  readonly description?: string | undefined;
  readonly expires?: number | undefined;
  readonly cidr?: string;
  readonly fromHolder?: true;
}
