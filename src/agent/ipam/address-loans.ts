import { randomUUID } from 'node:crypto';
import { Fault } from '../../lib/fault.ts';
import { formatIp, type IpFamily, parseIp } from '../../lib/ip-address.ts';
import type { Log } from '../../lib/log.ts';
import type { AddressUse, Ipam } from '../../network/ipam/index.ts';

export interface AddressLoansOptions {
  readonly ipam: Pick<Ipam, 'allocate' | 'claim' | 'release' | 'handOver' | 'dump'>;
  readonly log: Log;
  /** ms after which an address that was asked for with an expiration is given back; 10 minutes, as in Cilium's agent. */
  readonly expireAfter?: number;
  /** ms since the epoch: what is written down outlives this process. */
  readonly now?: () => number;
}

export interface Loan {
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Where it expires: what {@link AddressLoans.redeem} is told. */
  readonly expirationId?: string;
}

/** Owners of addresses that came through the API: this, and a UUID that is the expiration's as well. */
const prefix = 'api/';

/**
 * Addresses that tools asked for through the API. They stay theirs over a restart of the agent, until they are given back, become an
 * endpoint's, or expire; that is written down with them. Not over one of the machine, as no address does.
 */
export class AddressLoans {
  readonly #options: AddressLoansOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(options: AddressLoansOptions) {
    this.#options = options;
  }

  /** Those that have addresses: they live on. What expired while no agent was there goes with `resume`. */
  owners(): string[] {
    return [...new Set(this.#lent().map(({ owner }) => owner))];
  }

  /** Goes on with the expirations of the process before. */
  resume(): void {
    for (const { owner, expires } of this.#lent()) if (expires !== undefined) this.#expire(owner, expires);
  }

  /** New ones with each call, whatever the description: that is a name for people. @throws Fault of the IPAM */
  async lend(description: string, families: readonly IpFamily[], expiring: boolean): Promise<Loan> {
    const { ipam, expireAfter = 10 * 60_000 } = this.#options;
    const expirationId = randomUUID();
    const owner = `${prefix}${expirationId}`;
    const expires = this.#now() + expireAfter;
    const { ipv4, ipv6 } = await ipam.allocate(owner, families, { description, ...(expiring ? { expires } : {}) });
    if (expiring) this.#expire(owner, expires);
    return {
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
      ...(expiring ? { expirationId } : {}),
    };
  }

  /** This very address, without an expiration. @throws Fault of the IPAM */
  lendThis(address: string, description: string): void {
    this.#options.ipam.claim(address, `${prefix}${randomUUID()}`, { description });
  }

  /**
   * An address becomes an endpoint's: one that was lent, or one that is free.
   * @returns how it becomes again what it was, where the endpoint is not made after all: lent with the same expiration, or free
   * @throws Fault IPAM_IN_USE where somebody else has it, IPAM_EXPIRED where it was not asked for with this expiration or was given back
   * since, and others of the IPAM
   */
  redeem(address: string, owner: string, description: string, expirationId?: string): () => void {
    const { ipam } = this.#options;
    const use = this.#find(address);
    const isLent = use?.owner.startsWith(prefix) === true;
    if (
      expirationId !== undefined &&
      (!isLent || use.expires === undefined || use.owner !== `${prefix}${expirationId}`)
    )
      throw new Fault('IPAM_EXPIRED', `${address} is not lent with the expiration ${expirationId} (any more)`, {
        hint: 'ask for an address anew',
      });
    if (!isLent) {
      ipam.claim(address, owner, { description });
      return () => void ipam.release(owner, address);
    }
    ipam.handOver(use.address, owner, { description });
    this.#forgetEmpty(use.owner);
    const { owner: lender, expires } = use;
    return () => {
      ipam.handOver(use.address, lender, {
        description: use.description,
        ...(expires === undefined ? {} : { expires }),
      });
      if (expires !== undefined) this.#expire(lender, expires);
    };
  }

  /**
   * One address, or all that were lent with a description. False where nobody has it.
   * @throws Fault IPAM_IN_USE where an endpoint has it
   */
  takeBack(addressOrDescription: string): boolean {
    const { ipam } = this.#options;
    const isAddress = parseIp(addressOrDescription) !== undefined;
    const uses = isAddress
      ? [this.#find(addressOrDescription)].filter((use) => use !== undefined)
      : ipam.dump().allocations.filter(({ description }) => description === addressOrDescription);
    const lent = uses.filter(({ owner }) => owner.startsWith(prefix));
    const [foreign] = uses;
    if (lent.length === 0 && foreign !== undefined)
      throw new Fault('IPAM_IN_USE', `release ${addressOrDescription}: it is in use by ${foreign.owner}`, {
        hint: 'addresses of endpoints go with their endpoints',
      });
    for (const { owner, address } of lent) {
      ipam.release(owner, address);
      this.#forgetEmpty(owner);
    }
    return lent.length > 0;
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #lent(): AddressUse[] {
    return this.#options.ipam.dump().allocations.filter(({ owner }) => owner.startsWith(prefix));
  }

  #find(address: string): AddressUse | undefined {
    const ip = parseIp(address);
    const text = ip === undefined ? undefined : formatIp(ip);
    return this.#options.ipam.dump().allocations.find((use) => use.address === text);
  }

  #expire(owner: string, expires: number): void {
    if (this.#timers.has(owner)) return;
    const { ipam, log, expireAfter = 10 * 60_000 } = this.#options;
    // A clock that was set back must not keep an address for years.
    const left = Math.min(Math.max(0, expires - this.#now()), expireAfter);
    const timer = setTimeout(() => {
      this.#timers.delete(owner);
      try {
        ipam.release(owner);
      } catch (error) {
        log.warn({ err: error, owner }, 'addresses that have expired are given back later');
        this.#expire(owner, this.#now() + expireAfter);
      }
    }, left);
    timer.unref();
    this.#timers.set(owner, timer);
  }

  /** What was asked for with it, of the other family, may have its time still. */
  #forgetEmpty(owner: string): void {
    if (this.#lent().some((use) => use.owner === owner)) return;
    clearTimeout(this.#timers.get(owner));
    this.#timers.delete(owner);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}
