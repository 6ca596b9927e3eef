import { hash } from 'node:crypto';
import type { ResourceType } from '../mesh/envoy/resource.ts';
import { rejectionsOf } from './answers.ts';
import type { StreamContext } from './stream-context.ts';
import type { Protocol } from './wire.ts';

export interface TypeStatus {
  /** Names asked for, or all there are. */
  readonly subscribed: number | 'all';
  /** Resources that the client has accepted a form of. */
  readonly accepted: number;
  /** Of the last response. */
  readonly nonce: string;
  /** Hash of all that the client has accepted: equal for clients that have the same. `''` while there is none. */
  readonly version: string;
  /** The newest batch of the cache that the client has accepted something of. */
  readonly ackedSequence: number;
  /** Changes not sent yet (waiting for their turn). */
  readonly pending: number;
  /** Responses not answered yet. */
  readonly unanswered: number;
  readonly rejected: readonly {
    readonly name: string;
    readonly fragment?: string;
    readonly version: string;
    readonly message: string;
  }[];
}

export interface StreamStatus {
  readonly id: number;
  readonly protocol: Protocol;
  /** `''` until the client has said. */
  readonly node: string;
  readonly envoyVersion: string;
  /** The types that the client has asked for. */
  readonly types: Partial<Record<ResourceType, TypeStatus>>;
}

export function streamStatus(
  stream: StreamContext,
  node: { readonly id: string; readonly version: string } | undefined,
): StreamStatus {
  const types: Partial<Record<ResourceType, TypeStatus>> = {};
  for (const [type, state] of stream.states) {
    if (!state.started) continue;
    const versions: string[] = [];
    for (const [name, { good }] of state.entries) if (good !== undefined) versions.push(`${name}\n${good.version}\n`);
    let pending = state.updates.size + state.removals.size + state.absent.size;
    for (const group of state.groups) pending += group.size;
    types[type] = {
      subscribed: state.wildcard ? 'all' : state.names.size,
      accepted: versions.length,
      nonce: state.lastNonce,
      version: versions.length === 0 ? '' : hash('sha256', versions.sort().join('')).slice(0, 8),
      ackedSequence: state.ackedSequence,
      pending,
      unanswered: state.flights.size,
      rejected: rejectionsOf(stream, state),
    };
  }
  return { id: stream.id, protocol: stream.protocol, node: node?.id ?? '', envoyVersion: node?.version ?? '', types };
}
