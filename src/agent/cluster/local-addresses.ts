import type { NodeAddresses } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';

/** For `sluice status` and metrics. */
export interface LocalAddressesState {
  /** Of load balancers, local to this node by our doing. */
  readonly present: readonly string[];
  /** Local already by somebody else's. */
  readonly foreign: readonly string[];
  /** Not wanted any more, and still there for the connections that are open. */
  readonly draining: readonly string[];
  readonly faults: readonly { readonly code: string; readonly message: string; readonly hint?: string }[];
}

export interface LocalAddressesOptions {
  /** The kernel's side; a Fault where it cannot be had. */
  readonly addresses: NodeAddresses | Fault;
  /** What listeners of this node are served on, now. */
  readonly wanted: () => Iterable<string>;
  /** Looks which addresses have open connections: at most once for each time that the kernel's addresses are looked at. */
  readonly connections: () => (address: string) => boolean;
  /** Resolves when Envoy has answered all that it was sent so far. */
  readonly acked: () => Promise<void>;
  readonly log: Log;
  /** ms for which connections to an address that is not wanted any more may go on. */
  readonly drainTime: number;
  /** The faults there are, each time that they change. */
  readonly onFaults: (faults: readonly Fault[]) => void;
  /** Tests turn time forward themselves. */
  readonly now?: () => number;
}

/** ms between looks at the kernel's addresses: while some drain, and for what others did to ours. */
const whileDraining = 1000;
const otherwise = 30_000;

/**
 * Keeps the load balancers' addresses of this node's listeners local to it. They come once Envoy listens, so that nobody is
 * turned away; one that is not wanted any more goes with its last connection. They stay when this ends: Envoy goes on.
 */
export class LocalAddresses {
  readonly #options: LocalAddressesOptions;
  readonly #now: () => number;
  /** By address: since when it is not wanted. */
  readonly #unwanted = new Map<string, number>();
  #state: LocalAddressesState = { present: [], foreign: [], draining: [], faults: [] };
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #told = '[]';

  constructor(options: LocalAddressesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The listeners changed, or what Envoy says of them. */
  changed(): void {
    if (this.#isClosed) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is being done. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  state(): LocalAddressesState {
    return this.#state;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closed.resolve();
    clearTimeout(this.#timer);
    await this.settled();
    if (!(this.#options.addresses instanceof Fault)) this.#options.addresses.close();
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#isClosed) {
      this.#again = false;
      // An Envoy that does not answer must not keep us from ending.
      await Promise.race([this.#options.acked(), this.#closed.promise]);
      if (!this.#again && !this.#isClosed) this.#reconcile();
    }
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const wait = this.#state.draining.length > 0 ? whileDraining : otherwise;
    this.#timer = setTimeout(() => this.changed(), wait).unref();
  }

  #reconcile(): void {
    const { addresses, wanted, log } = this.#options;
    const needed = new Set(wanted());
    if (addresses instanceof Fault) {
      this.#become({ present: [], foreign: [], draining: [] }, needed.size === 0 ? [] : [addresses]);
      return;
    }
    try {
      for (const address of needed) this.#unwanted.delete(address);
      let connections: ((address: string) => boolean) | undefined;
      const inUse = (address: string) => {
        connections ??= this.#options.connections();
        return connections(address);
      };
      const { faults, added, removed, ...found } = addresses.reconcile(needed, (address) =>
        this.#stays(address, inUse),
      );
      for (const address of removed) this.#unwanted.delete(address);
      if (added.length > 0) log.info({ addresses: added }, 'addresses of load balancers are local now');
      if (removed.length > 0) log.info({ addresses: removed }, 'addresses of load balancers are not local any more');
      const draining = found.present.filter((address) => !needed.has(address));
      this.#become({ ...found, present: found.present.filter((address) => needed.has(address)), draining }, faults);
    } catch (error) {
      this.#become(this.#state, [Fault.from(error, 'NODE_ADDRESSES', 'addresses of load balancers')]);
    }
  }

  /** Whether one that nothing wants any more may stay for now; one of a process before us counts from now on. */
  #stays(address: string, inUse: (address: string) => boolean): boolean {
    const now = this.#now();
    const since = this.#unwanted.get(address) ?? now;
    this.#unwanted.set(address, since);
    return now - since < this.#options.drainTime && inUse(address);
  }

  #become(state: Omit<LocalAddressesState, 'faults'>, faults: readonly Fault[]): void {
    const shown = faults.map(({ code, message, hint }) => ({ code, message, ...(hint === undefined ? {} : { hint }) }));
    this.#state = { ...state, faults: shown };
    const told = JSON.stringify(shown);
    if (told === this.#told) return;
    this.#told = told;
    this.#options.onFaults(faults);
  }
}
