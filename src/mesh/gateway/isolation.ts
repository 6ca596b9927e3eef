import { type HttpRoute, lastPrecedence } from '../model/index.ts';
import type { GatewayModel, ListenerModel } from './gateway-model.ts';
import { narrower } from './hostnames.ts';

/**
 * On a port with more HTTPS listeners than this, a request on the wrong connection gets 404 instead of 421 where its host
 * lies outside the listener's own: routes for it would grow with the square of the number.
 */
const MISDIRECTION_LIMIT = 100;

/**
 * Routes that keep listeners of one port apart. A host belongs to the narrowest listener that covers it: what that one does
 * not serve is 404, and no wider listener's business (feature GatewayHTTPListenerIsolation). On TLS, where the connection
 * has chosen a listener by SNI already, requests for another listener's host are misdirected: 421 (RFC 9110 section 15.5.20).
 */
export function isolationRoutes(model: GatewayModel): [string, HttpRoute][] {
  const outputs: [string, HttpRoute][] = [];
  const ports = Map.groupBy(
    model.listeners.filter(({ accepted, table }) => accepted === undefined && table !== undefined),
    ({ listener }) => listener.port,
  );
  for (const listeners of ports.values()) {
    for (const one of listeners) {
      if (one.programmed !== undefined) continue;
      if (one.mode === 'https') outputs.push(...httpsIsolation(one, listeners));
      else outputs.push(...httpIsolation(one, listeners));
    }
  }
  return outputs;
}

/** All HTTP listeners of the port share the table. */
function* httpIsolation(one: ListenerModel, listeners: readonly ListenerModel[]): Generator<[string, HttpRoute]> {
  if (listeners.some((other) => narrower(one.hostname, other.hostname))) yield answer(one, one.hostname, 404);
}

function* httpsIsolation(one: ListenerModel, listeners: readonly ListenerModel[]): Generator<[string, HttpRoute]> {
  const wider = listeners.some((other) => narrower(one.hostname, other.hostname));
  const all = listeners.length <= MISDIRECTION_LIMIT;
  if (all && wider) yield answer(one, one.hostname, 404);
  for (const other of listeners) {
    if (other !== one && (all || narrower(other.hostname, one.hostname))) yield answer(one, other.hostname, 421);
  }
}

function answer(one: ListenerModel, host: string, status: 404 | 421): [string, HttpRoute] {
  const table = one.table!;
  const key = `gateway/isolation/${table}/${host}`;
  return [
    key,
    {
      key,
      table,
      host,
      match: { path: { type: 'prefix', value: '/' } },
      action: { type: 'respond', status },
      precedence: lastPrecedence,
      name: `${one.owner.kind} ${one.owner.namespace}/${one.owner.name} listener ${one.listener.name}`,
      origins: [one.owner],
    },
  ];
}
