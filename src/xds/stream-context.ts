import type { ResourceType } from '../mesh/envoy/resource.ts';
import type { ResourceCache } from './cache.ts';
import type { Holder, RejectionLedger } from './ledger.ts';
import type { XdsMeters } from './metrics.ts';
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
