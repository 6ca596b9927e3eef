import { isIPv6 } from 'node:net';
import { compareText } from '../../lib/compare.ts';
import type { Bind } from '../model/index.ts';

/** Ports for listeners without one; both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}
export const defaultPortRange: PortRange = { first: 10_000, last: 20_000 };

/** A listener that asks for its place. */
export interface PlaceAsk {
  /** Its name in Envoy. */
  readonly name: string;
  readonly created: number;
  /** `Kind namespace/name`, for messages and as the second key of age. */
  readonly owner: string;
  readonly binds: 'auto' | readonly Bind[];
  readonly transport: Bind['transport'];
}

export type Place =
  | { readonly type: 'kept' }
  | { readonly type: 'given'; readonly bind: Bind }
  | { readonly type: 'conflict'; readonly bind: Bind; readonly owner: string }
  | { readonly type: 'full' };

/** A bind that somebody has, with whom to name in a message. */
export interface TakenBind extends Bind {
  readonly owner: string;
}

/**
 * A place for every listener. Addresses that users wrote: what others hold stays theirs, then the older object wins. Ports
 * that we choose start at a hash of the listener's name and go on to the next free one, so that a listener keeps its port
 * whatever comes and goes, unless one with the same hash that is older appears, or a user asks for just that port.
 */
export function placeListeners(
  asks: readonly PlaceAsk[],
  taken: readonly TakenBind[],
  address: string,
  range: PortRange = defaultPortRange,
): Map<string, Place> {
  const places = new Map<string, Place>();
  const byPort = new Map<number, TakenBind[]>();
  const take = (bind: TakenBind) => {
    const list = byPort.get(bind.port);
    if (list === undefined) byPort.set(bind.port, [bind]);
    else list.push(bind);
  };
  for (const bind of taken) take(bind);
  const clash = (bind: Bind) => byPort.get(bind.port)?.find((other) => overlap(bind, other));
  const byAge = [...asks].sort(
    (a, b) => a.created - b.created || compareText(a.owner, b.owner) || compareText(a.name, b.name),
  );
  for (const { name, owner, binds } of byAge) {
    if (binds === 'auto') continue;
    const lost = binds.find((bind) => clash(bind) !== undefined);
    if (lost !== undefined) places.set(name, { type: 'conflict', bind: lost, owner: clash(lost)?.owner ?? '' });
    else {
      for (const bind of binds) take({ ...bind, owner });
      places.set(name, { type: 'kept' });
    }
  }
  const size = range.last - range.first + 1;
  const given = new Set<number>();
  for (const { name, binds, transport } of byAge) {
    if (binds !== 'auto') continue;
    const start = fnv1a(name) % size;
    let place: Place = { type: 'full' };
    for (let step = 0; step < size; step++) {
      const port = range.first + ((start + step) % size);
      const bind = { address, port, transport };
      // One port is one listener's, for whatever transport: the datapath redirects to ports.
      if (given.has(port) || clash(bind) !== undefined) continue;
      given.add(port);
      place = { type: 'given', bind };
      break;
    }
    places.set(name, place);
  }
  return places;
}

/** Whether two listeners can't both have what they ask for: a wildcard address takes its port on every address. */
function overlap(a: Bind, b: Bind): boolean {
  return a.port === b.port && a.transport === b.transport && (isAny(a) || isAny(b) || same(a.address, b.address));
}
function isAny({ address }: Bind): boolean {
  return address === '0.0.0.0' || same(address, '::');
}
function same(a: string, b: string): boolean {
  return a === b || (isIPv6(a) && isIPv6(b) && canonical(a) === canonical(b));
}
function canonical(address: string): string {
  return new URL(`http://[${address.replace(/%.*/, '')}]`).hostname;
}
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
