import { Fault } from '../lib/fault.ts';
import { bitsOf, formatIp, parseIp } from '../lib/ip-address.ts';
import {
  addressFlag,
  encodeAddress,
  encodeAddressQuery,
  type InterfaceAddress,
  parseAddress,
  requestType,
  scope,
} from './netlink/address.ts';
import { flag } from './netlink/message.ts';
import type { NetlinkSocket } from './netlink/socket.ts';

/** What a reconcile found and did; each list sorted. */
export interface AddressReport {
  /** Ours, on this node now. */
  readonly present: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Wanted, and here already by somebody else's doing: they are served, and left alone. */
  readonly foreign: readonly string[];
  /** One for each address that could not be added or removed. */
  readonly faults: readonly Fault[];
}

/** The loopback interface of every network namespace (LOOPBACK_IFINDEX in the kernel's net/flow.h). */
const loopback = 1;
/** How our addresses are told apart, also by a process that is started anew: see /etc/iproute2/rt_addrprotos for the taken ones. */
const protocol = 83;
/** The same for kernels before 5.18, which know no protocols of addresses; labels are IPv4's only. */
const label = 'lo:sluice';
const v6Flags = addressFlag.noPrefixRoute | addressFlag.noDad;

/**
 * Addresses of load balancers, made local to this node, so that what is routed here for them reaches the Envoy of this
 * node. They are on `lo` with link scope: never the source of the node's own connections, and no route comes with them.
 */
export class NodeAddresses {
  readonly #socket: NetlinkSocket;
  /** Added by this process: what an old kernel keeps no mark of. */
  readonly #added = new Set<string>();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /**
   * Makes the wanted addresses local, and takes away those of ours that are neither wanted nor to be kept for now. Foreign
   * ones are never touched. Doing it again changes nothing.
   * @throws Fault where the kernel's addresses cannot be read
   */
  reconcile(wanted: Iterable<string>, keep: (address: string) => boolean = () => false): AddressReport {
    const all = this.#read();
    const ours = new Set(all.filter((one) => this.#isOurs(one)).map(({ address }) => address));
    const others = new Set(all.filter((one) => !this.#isOurs(one)).map(({ address }) => address));
    const needed = new Set(Array.from(wanted, canonical));
    const report = { added: [] as string[], removed: [] as string[], foreign: [] as string[], faults: [] as Fault[] };
    for (const address of needed) {
      if (others.has(address)) report.foreign.push(address);
      else if (!ours.has(address)) this.#change('add', address, report);
    }
    for (const address of ours) if (!needed.has(address) && !keep(address)) this.#change('remove', address, report);
    const present = new Set([...ours, ...report.added]).difference(new Set(report.removed));
    return {
      present: [...present].sort(),
      added: report.added.sort(),
      removed: report.removed.sort(),
      foreign: report.foreign.sort(),
      faults: report.faults,
    };
  }

  /** Those that are ours, whichever process has added them. @throws Fault */
  own(): string[] {
    const ours = this.#read().filter((one) => this.#isOurs(one));
    return ours.map(({ address }) => address).sort();
  }

  /**
   * Those that may be ours, or somebody else's: IPv6 ones as we add them, where the kernel keeps no marks of them (before 5.18; since
   * then it marks `::1` itself). @throws Fault
   */
  doubtful(): string[] {
    const all = this.#read();
    if (all.some((one) => one.protocol !== 0)) return [];
    const isAlike = ({ address, link, prefixLength, flags }: InterfaceAddress) =>
      link === loopback && address.includes(':') && prefixLength === 128 && (flags & v6Flags) === v6Flags;
    const alike = all.filter((one) => isAlike(one) && !this.#isOurs(one));
    return alike.map(({ address }) => address).sort();
  }

  close(): void {
    this.#socket.close();
  }

  #read(): InterfaceAddress[] {
    const payloads = this.#socket.dump('read addresses', requestType.getAddress, encodeAddressQuery());
    return payloads.flatMap((payload) => parseAddress(payload) ?? []);
  }

  #isOurs(one: InterfaceAddress): boolean {
    if (one.link !== loopback) return false;
    return one.protocol === protocol || one.label === label || this.#added.has(one.address);
  }

  #change(
    what: 'add' | 'remove',
    address: string,
    report: { added: string[]; removed: string[]; foreign: string[]; faults: Fault[] },
  ): void {
    const payload = encodeAddress(localAddress(address));
    try {
      if (what === 'add') {
        this.#socket.change(`add ${address} to lo`, requestType.newAddress, flag.create | flag.exclusive, payload);
        this.#added.add(address);
        report.added.push(address);
      } else {
        this.#socket.change(`remove ${address} from lo`, requestType.deleteAddress, 0, payload);
        this.#added.delete(address);
        report.removed.push(address);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      // Somebody was quicker.
      if (what === 'add' && error.code === 'NETLINK_EEXIST') report.foreign.push(address);
      else if (what === 'remove' && error.code === 'NETLINK_EADDRNOTAVAIL') report.removed.push(address);
      else report.faults.push(error);
    }
  }
}

function localAddress(address: string): InterfaceAddress {
  const isV6 = address.includes(':');
  return {
    address,
    prefixLength: bitsOf(isV6 ? 6 : 4),
    link: loopback,
    scope: scope.link,
    flags: isV6 ? v6Flags : addressFlag.noPrefixRoute,
    ...(isV6 ? {} : { label }),
    protocol,
  };
}

/** As the kernel's addresses are written, so that they can be compared. */
function canonical(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}
