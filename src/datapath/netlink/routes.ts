import { flag } from './message.ts';
import { unless } from './outcome.ts';
import {
  encodeRoute,
  encodeRouteQuery,
  parseRoute,
  type Route,
  routeRequest,
  routeTable,
  sluiceProtocol,
} from './route.ts';
import type { NetlinkSocket } from './socket.ts';

/** A route with what ours have in common left out. */
export type NewRoute = Pick<Route, 'destination'> & Partial<Route>;

/** The routes of a network namespace. Every call @throws Fault `NETLINK_...` by what the kernel says. */
export class Routes {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Of both families and all tables. */
  list(): Route[] {
    const payloads = this.#socket.dump('read routes', routeRequest.getRoute, encodeRouteQuery());
    return payloads.flatMap((payload) => parseRoute(payload) ?? []);
  }

  /** In place of one to the same destination with the same metric in the same table. */
  replace(route: NewRoute): void {
    const whole = complete(route);
    this.#socket.change(
      `add ${describe(whole)}`,
      routeRequest.newRoute,
      flag.create | flag.replace,
      encodeRoute(whole),
    );
  }

  /** What is left out of the route's interface, gateway and source may be anything. @returns whether it was there */
  remove(route: NewRoute): boolean {
    const whole = complete(route);
    return unless(['NETLINK_ESRCH'], () => {
      this.#socket.change(`remove ${describe(whole)}`, routeRequest.deleteRoute, 0, encodeRoute(whole));
    });
  }
}

function complete(route: NewRoute): Route {
  return { type: 'unicast', table: routeTable.main, protocol: sluiceProtocol, scope: 0, metric: 0, ...route };
}

function describe({ destination, type, link, gateway, table }: Route): string {
  const parts = [`route ${destination}`];
  if (type !== 'unicast') parts.push(type);
  if (gateway !== undefined) parts.push(`via ${gateway}`);
  if (link !== undefined) parts.push(`interface ${link}`);
  if (table !== routeTable.main) parts.push(`table ${table}`);
  return parts.join(' ');
}
