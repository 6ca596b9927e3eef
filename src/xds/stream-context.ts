import type { ResourceType } from '../mesh/envoy/resource.ts';
import type { ResourceCache } from './cache.ts';
import type { Holder, RejectionLedger } from './ledger.ts';
import type { XdsMeters } from './metrics.ts';
import { edsNameOf } from './references.ts';
import type { Entry, Mark, TypeState } from './stream-state.ts';
import type { Protocol } from './wire.ts';

/** Where lines go; a pino logger is one. */
export interface XdsLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the parts of one stream share. */
export interface StreamContext extends Holder {
  readonly id: number;
  readonly protocol: Protocol;
  readonly cache: ResourceCache;
  readonly ledger: RejectionLedger;
  readonly meters: XdsMeters;
  readonly log: XdsLog;
  readonly states: ReadonlyMap<ResourceType, TypeState>;
  /** Resources of which the client refuses something. */
  readonly refusing: Map<Entry, { readonly state: TypeState; readonly name: string }>;
}

export function stateOf(stream: StreamContext, type: ResourceType): TypeState {
  return stream.states.get(type) as TypeState;
}

/**
 * Endpoints that clients wait for without asking, by node id. A stream that ends while clusters are being changed in place
 * leaves its client waiting for their endpoints; on its next stream it says that it has them already.
 */
export type Owed = Map<string, ReadonlySet<string>>;

/** What a stream that ends leaves its client waiting for. */
export function owedEndpoints(stream: StreamContext): Set<string> {
  const owed = new Set(stateOf(stream, 'endpoints').forced);
  const clusters = stateOf(stream, 'clusters');
  for (const { items } of clusters.flights.values()) {
    for (const { name, form } of items) {
      const good = clusters.entries.get(name)?.good;
      if (good === undefined || good.version === form.version) continue;
      const eds = edsNameOf(form);
      if (eds !== undefined) owed.add(eds);
    }
  }
  return owed;
}

/** A mark for what no change of the cache caused. */
export function markNow(stream: StreamContext): Mark {
  return { sequence: stream.cache.sequence, at: Number.NaN };
}

/** The entries that still refuse something and still exist. */
export function refusingEntries(stream: StreamContext): Set<Entry> {
  const live = new Set<Entry>();
  for (const [entry, { state, name }] of stream.refusing) {
    const { trouble } = entry;
    const refuses = trouble?.bad !== undefined || trouble?.search !== undefined || (trouble?.refused?.size ?? 0) > 0;
    if (refuses && state.entries.get(name) === entry) live.add(entry);
    else stream.refusing.delete(entry);
  }
  return live;
}
