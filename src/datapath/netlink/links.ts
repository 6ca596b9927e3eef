import { Fault } from '../../lib/fault.ts';
import {
  encodeLink,
  encodeLinkQuery,
  type Link,
  type LinkKind,
  type LinkSettings,
  linkRequest,
  parseLink,
} from './link.ts';
import { flag } from './message.ts';
import { unless } from './outcome.ts';
import type { NetlinkSocket } from './socket.ts';

type Which = number | string;

/** The network interfaces of a network namespace. Every call @throws Fault `NETLINK_...` by what the kernel says. */
export class Links {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  list(): Link[] {
    return this.#socket.dump('read interfaces', linkRequest.getLink, encodeLinkQuery()).map(parseLink);
  }

  /** By index or name; undefined where there is none. */
  find(which: Which): Link | undefined {
    try {
      return parseLink(this.#socket.get(`read interface ${which}`, linkRequest.getLink, encodeLinkQuery(query(which))));
    } catch (error) {
      if (error instanceof Fault && error.code === 'NETLINK_ENODEV') return undefined;
      throw error;
    }
  }

  /** @throws also NETLINK_EEXIST where the name is taken */
  add(settings: LinkSettings & { readonly name: string }, kind: LinkKind): Link {
    const { name } = settings;
    const payload = encodeLink(0, settings, kind);
    this.#socket.change(`add ${kind.kind} ${name}`, linkRequest.newLink, flag.create | flag.exclusive, payload);
    const link = this.find(name);
    if (link === undefined) throw new Fault('NETLINK_ENODEV', `netlink: add ${kind.kind} ${name}: it went at once`);
    return link;
  }

  set(index: number, settings: LinkSettings): void {
    const what = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    this.#socket.change(
      `set ${what.join(' ')} of interface ${index}`,
      linkRequest.setLink,
      0,
      encodeLink(index, settings),
    );
  }

  /** The other end of a veth goes with it. @returns whether it was there */
  remove(which: Which): boolean {
    return unless(['NETLINK_ENODEV'], () => {
      this.#socket.change(`remove interface ${which}`, linkRequest.deleteLink, 0, encodeLinkQuery(query(which)));
    });
  }
}

const query = (which: Which) => (typeof which === 'number' ? { index: which } : { name: which });
