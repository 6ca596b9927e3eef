import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';
import { rejectionKey } from '../../status/index.ts';
import { serveXds, type XdsOptions, type XdsServer } from '../../xds/index.ts';
import { retryBinds } from '../bind-retries.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Serves what a pipeline has come to, and brings back what clients refuse. Start it when the pipeline has all of the world:
 * what a client asks for and is not there, it is told is gone.
 */
export async function startXds(
  { plane, cache }: Pipeline,
  log: Log,
  where: Pick<XdsOptions, 'unix' | 'tcp'>,
): Promise<XdsServer> {
  const { table } = plane.rejections;
  const server = await serveXds({
    cache,
    log,
    ...where,
    onRejection: (rejection) => void table.set(rejectionKey(rejection), rejection),
    onAccepted: (rejection) => void table.delete(rejectionKey(rejection)),
  });
  const retries = retryBinds(
    () => table.values(),
    (name) => server.retry('listeners', name),
  );
  return {
    ...server,
    async close() {
      retries.close();
      await server.close();
    },
  };
}

/** ms: Envoy comes back to a server that was away within a second, and answers at once. */
const patience = 10_000;

/** Resolves when a client has answered all that there is now; after 10 s all the same, as there may be none. */
export async function firstAnswers(server: XdsServer, { cache }: Pipeline, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  try {
    while (server.status().length === 0) await delay(10, undefined, { signal: late });
    await Promise.race([server.waitAcked(cache.sequence), delay(patience, undefined, { signal: late, ref: false })]);
  } catch {
    signal.throwIfAborted();
  }
}
