import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Rejection } from '../mesh/envoy/resource.ts';
import { refusedAddress } from '../status/index.ts';

/** ms between looks at addresses that Envoy could not have. */
const interval = 1000;

/**
 * A listener that Envoy could not open (port in use, address not there) is right, so nobody will edit it: it is tried again
 * when its address can be had. Looking first keeps Envoy from refusing it once a second.
 */
export function retryBinds(
  rejections: () => Iterable<Rejection>,
  retry: (listener: string) => void,
): { close(): void } {
  let busy = false;
  let looks = 0;
  /** By listener: how often it was tried, and the look at which it may be again. What can be had for TCP may not for UDP. */
  let tries = new Map<string, { count: number; next: number }>();
  const look = async () => {
    busy = true;
    looks++;
    const standing: typeof tries = new Map();
    for (const rejection of [...rejections()]) {
      const place = refusedAddress(rejection);
      if (place === undefined) continue;
      const { count, next } = tries.get(rejection.name) ?? { count: 0, next: 0 };
      const again = looks >= next && (await canBind(place, rejection));
      standing.set(
        rejection.name,
        again ? { count: count + 1, next: looks + 2 ** Math.min(count, 6) } : { count, next },
      );
      if (again) retry(rejection.name);
    }
    tries = standing;
    busy = false;
  };
  const timer = setInterval(() => {
    if (!busy) void look();
  }, interval).unref();
  return { close: () => clearInterval(timer) };
}

async function canBind(
  { host, port }: { readonly host: string; readonly port: number },
  { message }: Rejection,
): Promise<boolean> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    // We may have fewer rights than Envoy in a container of its own: then only Envoy can tell.
    return (error as NodeJS.ErrnoException).code === 'EACCES' && !message.includes('Permission denied');
  }
  server.close();
  await once(server, 'close');
  return true;
}
