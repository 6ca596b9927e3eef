import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import { type ApiServer, serveApi } from '../api-server.ts';
import type { RestListener } from './router.ts';

/**
 * The API on a socket of its own, mode 0600: where tools made for Cilium's agent look for it (`/var/run/cilium/cilium.sock`, or
 * what CILIUM_SOCK says).
 * @throws Fault API_SOCKET
 */
export async function serveRest(socket: string, rest: RestListener, log: Log): Promise<ApiServer> {
  try {
    await mkdir(dirname(socket), { recursive: true });
  } catch (error) {
    throw Fault.from(error, 'API_SOCKET', `make ${dirname(socket)}`, 'choose another path for the socket of the API');
  }
  return serveApi({ socket, handlers: {}, publicPaths: [], more: rest, log });
}
