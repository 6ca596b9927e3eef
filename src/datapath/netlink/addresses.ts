import { bitsOf } from '../../lib/ip-address.ts';
import {
  addressFlag,
  encodeAddress,
  encodeAddressQuery,
  type InterfaceAddress,
  parseAddress,
  requestType,
  scope,
} from './address.ts';
import { ipOf } from './ip-bytes.ts';
import { flag } from './message.ts';
import { unless } from './outcome.ts';
import type { NetlinkSocket } from './socket.ts';

/** The addresses of the interfaces of a network namespace. Every call @throws Fault `NETLINK_...` by what the kernel says. */
export class Addresses {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Of both families and all links. */
  list(): InterfaceAddress[] {
    const payloads = this.#socket.dump('read addresses', requestType.getAddress, encodeAddressQuery());
    return payloads.flatMap((payload) => parseAddress(payload) ?? []);
  }

  /** A single one (/32, /128), usable at once: nobody on the link is asked whether it has it. @returns whether it is new */
  addHost(address: string, link: number): boolean {
    const { family } = ipOf(address);
    const one = {
      ...{ address, link, prefixLength: bitsOf(family), scope: scope.universe, protocol: 0 },
      flags: family === 6 ? addressFlag.noDad : 0,
    };
    const what = `add ${address} to interface ${link}`;
    return unless(['NETLINK_EEXIST'], () => {
      this.#socket.change(what, requestType.newAddress, flag.create | flag.exclusive, encodeAddress(one));
    });
  }
}
