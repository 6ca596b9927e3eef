import { setTimeout as delay } from 'node:timers/promises';
import type { EnvoyAdmin } from './admin.ts';

/** What is still going on in an Envoy that drains. */
export interface Activity {
  /** HTTP requests in flight, upgraded connections (WebSocket) included. */
  readonly requests: number;
  /** Connections that no HTTP connection manager owns: TCP and TLS passthrough. */
  readonly tcpConnections: number;
}

/**
 * Lets no new connection in, asks the clients of open ones to leave with their next response, and waits until nothing is in
 * flight. Idle keep-alive connections are not waited for: their clients may keep them for hours.
 * @returns whether Envoy became idle within `timeout` milliseconds
 */
export async function drain(admin: EnvoyAdmin, timeout: number, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + timeout;
  await admin.drainListeners({ graceful: true, signal });
  await admin.drainListeners({ signal });
  // Workers close their listeners a moment after the call returns, so one idle look is not enough.
  for (let idle = 0; performance.now() < deadline; ) {
    const { requests, tcpConnections } = await activity(admin, signal);
    idle = requests === 0 && tcpConnections === 0 ? idle + 1 : 0;
    if (idle === 2) return true;
    await delay(Math.min(50, Math.max(1, deadline - performance.now())), undefined, { signal });
  }
  return false;
}

/** Reads gauges that every statistics mode keeps. */
export async function activity(admin: EnvoyAdmin, signal?: AbortSignal): Promise<Activity> {
  const stats = await admin.stats('^(http|listener)\\..*\\.downstream_(rq|cx)_active$', signal && { signal });
  let requests = 0;
  let connections = 0;
  let http = 0;
  for (const [name, value] of stats) {
    if (name.startsWith('http.admin.') || name.startsWith('listener.admin.') || name.includes('.worker_')) continue;
    if (name.startsWith('listener.')) connections += value;
    else if (name.endsWith('.downstream_rq_active')) requests += value;
    else http += value;
  }
  return { requests, tcpConnections: Math.max(0, connections - http) };
}
