import type { PodCidrStatus } from '../../api/index.ts';
import { Fault } from '../../lib/fault.ts';
import { type IpFamily, parseIp } from '../../lib/ip-address.ts';
import type { Log } from '../../lib/log.ts';
import {
  type AllocateOptions,
  type Allocation,
  type ClaimOptions,
  type Ipam,
  type IpamDump,
  NodeAddresses,
  type NodeAddressesOptions,
  type PodCidrsOfNode,
  type RecordEntry,
  type UnreachableRoute,
  unreachableRoutes,
} from '../../network/ipam/index.ts';
import { AddressRecord } from './address-record.ts';

export interface AgentIpamOptions extends NodeAddressesOptions {
  /** The record's file, in the agent's state directory, which no other process uses. */
  readonly path: string;
  readonly bootId: string;
  readonly log: Log;
  /** ms for which an allocation waits for Pod CIDRs; 5,000: the kubelet tries again later anyway. */
  readonly patience?: number;
}

/** More lines than this for each address, and the record is written anew. */
const slack = 8;
const fewLines = 1024;

/** The addresses of this node's Pods, with what happened to them on disk before anybody hears of it. */
export class AgentIpam implements Ipam {
  readonly #options: AgentIpamOptions;
  readonly #node: NodeAddresses;
  readonly #record: AddressRecord;
  readonly #observers = new Set<() => void>();
  readonly #waiting = new Set<() => void>();
  #restored = false;
  #closed = false;
  /** What observers have been told of. */
  #told = '';

  /** @throws Fault IPAM_RECORD */
  constructor(options: AgentIpamOptions) {
    this.#options = options;
    this.#node = new NodeAddresses(options);
    const { record, entries, unreadable } = AddressRecord.open(options);
    this.#record = record;
    if (unreadable > 0)
      options.log.warn(
        { path: options.path, lines: unreadable },
        'record of addresses: lines that cannot be read are left out',
      );
    for (const entry of entries) this.#replay(entry);
    record.rewrite(this.#node.entries());
  }

  /** What the node's Pod CIDRs are, each time that it is heard. */
  setPodCidrs(cidrs: PodCidrsOfNode): void {
    const { entries, invalid } = this.#node.setPodCidrs(cidrs);
    if (invalid.length > 0)
      this.#options.log.warn({ podCidrs: invalid }, 'Pod CIDRs that cannot be used on this node are left out');
    this.#commit(entries);
    this.#changed();
  }

  async allocate(owner: string, families: readonly IpFamily[], options: AllocateOptions = {}): Promise<Allocation> {
    const deadline = performance.now() + (this.#options.patience ?? 5_000);
    for (;;) {
      options.signal?.throwIfAborted();
      const { entries, missing } = this.#node.planAllocate(owner, families, options);
      if (missing === undefined) {
        this.#commit(entries);
        if (entries.length > 0) this.#changed();
        return this.#node.allocationOf(owner) ?? { owner };
      }
      const left = deadline - performance.now();
      if (left <= 0 || this.#closed || !this.#mayGetMore(missing)) throw this.#exhausted(owner, missing);
      await this.#change(left, options.signal);
    }
  }

  claim(address: string, owner: string, options: ClaimOptions = {}): void {
    const entries = this.#node.planClaim(address, owner, options);
    this.#commit(entries);
    if (entries.length > 0) this.#changed();
  }

  handOver(address: string, owner: string, options: Omit<AllocateOptions, 'signal'> = {}): void {
    this.#commit(this.#node.planHandOver(address, owner, options));
    this.#changed();
  }

  release(owner: string, address?: string): readonly string[] {
    return this.#drop(this.#node.planRelease(owner, address));
  }

  restored(owners: Iterable<string>): readonly string[] {
    const dropped = this.#drop(this.#node.planRestored(owners));
    this.#restored = true;
    this.#changed();
    return dropped;
  }

  ownerOf(address: string): string | undefined {
    const parsed = parseIp(address);
    return parsed === undefined ? undefined : this.#node.book.holder(parsed)?.owner;
  }
  allocationOf(owner: string): Allocation | undefined {
    return this.#node.allocationOf(owner);
  }
  dump(): IpamDump {
    return this.#node.dump();
  }

  /** For `status.ipam.pod-cidrs` of the CiliumNode, in mode cluster-pool-v2beta. */
  podCidrStatuses(): Record<string, PodCidrStatus> {
    return Object.fromEntries(this.#node.statuses());
  }
  unreachableRoutes(): UnreachableRoute[] {
    return unreachableRoutes(this.#node);
  }

  /** Each time that Pod CIDRs or their statuses are other ones. Returns how to stop. */
  observe(observer: () => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Whoever still waits is told that there is nothing. */
  close(): void {
    this.#closed = true;
    this.#wake();
    this.#record.close();
  }

  #drop(entries: readonly RecordEntry[]): string[] {
    this.#commit(entries);
    if (entries.length > 0) this.#changed();
    return entries.flatMap((entry) => (entry.op === 'drop' ? [entry.address] : []));
  }

  /** First on disk, then in force: nothing has happened where this throws. */
  #commit(entries: readonly RecordEntry[]): void {
    if (entries.length === 0) return;
    this.#record.append(entries);
    for (const entry of entries) this.#node.apply(entry);
    if (this.#record.lines <= fewLines + slack * this.#node.book.size) return;
    try {
      this.#record.rewrite(this.#node.entries());
    } catch (error) {
      // The long one is as good.
      this.#options.log.warn({ err: error }, 'record of addresses: not made shorter');
    }
  }

  /** A line that got lost before this one may have been the end of the address' former life. */
  #replay(entry: RecordEntry): void {
    if (entry.op === 'take') this.#node.apply({ op: 'drop', address: entry.address });
    this.#node.apply(entry);
  }

  #changed(): void {
    // As long as nobody has said which endpoints live on, what looks unused may not be.
    if (this.#restored) this.#commit(this.#node.planCidrReleases());
    this.#wake();
    const state = JSON.stringify([this.#node.openCidrs().map(({ text }) => text), [...this.#node.statuses()]]);
    if (state === this.#told) return;
    this.#told = state;
    for (const observer of this.#observers) observer();
  }

  /** A Node gets its Pod CIDRs once, a moment after it is registered. */
  #mayGetMore(family: IpFamily): boolean {
    if (!this.#node.known || this.#options.mode !== 'kubernetes') return true;
    return !this.#node.openCidrs().some((cidr) => cidr.family === family);
  }

  #change(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }
  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }

  #exhausted(owner: string, family: IpFamily): Fault {
    const cidrs = this.#node.openCidrs().filter((cidr) => cidr.family === family);
    const names = cidrs.map(({ text }) => text).join(', ');
    const what = cidrs.length === 0 ? `this node has no IPv${family} Pod CIDR` : `${names}: every address is taken`;
    return new Fault('IPAM_EXHAUSTED', `allocate an IPv${family} address for ${owner}: ${what}`, {
      hint: hints[this.#options.mode],
    });
  }
}

const hints: Readonly<Record<NodeAddressesOptions['mode'], string>> = {
  kubernetes: 'look at spec.podCIDRs of the Node: the controller manager gives them out with --allocate-node-cidrs',
  'cluster-pool': 'look at spec.ipam and status.ipam of the CiliumNode: the operator gives Pod CIDRs out of its pools',
  'cluster-pool-v2beta':
    'look at status.ipam.operator-status of the CiliumNode: the pools of the operator may be empty',
};
