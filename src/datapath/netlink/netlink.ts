import type { Kernel } from '../sys/kernel-calls.ts';
import { Addresses } from './addresses.ts';
import { Links } from './links.ts';
import { Neighbours } from './neighbours.ts';
import { Routes } from './routes.ts';
import { Rules } from './rules.ts';
import { NetlinkSocket } from './socket.ts';

/**
 * All of a network namespace's routing, by one socket. It stays that namespace's wherever the thread goes afterwards.
 */
export class Netlink {
  readonly links: Links;
  readonly addresses: Addresses;
  readonly routes: Routes;
  readonly neighbours: Neighbours;
  readonly rules: Rules;
  readonly #socket: NetlinkSocket;

  /** In the network namespace that the thread is in. @throws Fault NETLINK_SOCKET */
  constructor(kernel: Kernel) {
    this.#socket = new NetlinkSocket(kernel);
    this.links = new Links(this.#socket);
    this.addresses = new Addresses(this.#socket);
    this.routes = new Routes(this.#socket);
    this.neighbours = new Neighbours(this.#socket);
    this.rules = new Rules(this.#socket);
  }

  close(): void {
    this.#socket.close();
  }
}
