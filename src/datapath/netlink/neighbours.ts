import { flag } from './message.ts';
import {
  encodeNeighbour,
  encodeNeighbourQuery,
  type Neighbour,
  neighbourRequest,
  neighbourState,
  parseNeighbour,
} from './neighbour.ts';
import { unless } from './outcome.ts';
import type { NetlinkSocket } from './socket.ts';

/** The neighbour tables of a network namespace. Every call @throws Fault `NETLINK_...` by what the kernel says. */
export class Neighbours {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Of both families and all links. */
  list(): Neighbour[] {
    const payloads = this.#socket.dump('read neighbours', neighbourRequest.getNeighbour, encodeNeighbourQuery());
    return payloads.flatMap((payload) => parseNeighbour(payload) ?? []);
  }

  /** Permanent unless it says otherwise; in place of what was known of the address. */
  replace(one: Omit<Neighbour, 'state'> & Partial<Neighbour>): void {
    const payload = encodeNeighbour({ state: neighbourState.permanent, ...one });
    const what = `add neighbour ${one.address} of interface ${one.link}`;
    this.#socket.change(what, neighbourRequest.newNeighbour, flag.create | flag.replace, payload);
  }

  /** @returns whether it was there */
  remove(one: Pick<Neighbour, 'address' | 'link' | 'isProxy'>): boolean {
    const what = `remove neighbour ${one.address} of interface ${one.link}`;
    return unless(['NETLINK_ENOENT', 'NETLINK_ENODEV'], () => {
      this.#socket.change(what, neighbourRequest.deleteNeighbour, 0, encodeNeighbour({ ...one, state: 0 }));
    });
  }
}
