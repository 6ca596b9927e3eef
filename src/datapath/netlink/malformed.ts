import { Fault } from '../../lib/fault.ts';

/** The kernel said something that it never says: a codec of ours is wrong. */
export function malformed(what: string): Fault {
  return new Fault('NETLINK_MALFORMED', `netlink: ${what}`);
}
