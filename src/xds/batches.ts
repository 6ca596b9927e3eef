import { hash } from 'node:crypto';
import type { Resource } from '../mesh/envoy/resource.ts';
import type { RejectionLedger } from './ledger.ts';
import type { Entry, Flight, Mark, TypeState } from './stream-state.ts';

/** Bytes of resources in one response; Envoy reads a response whole, so a large one holds up its main thread. */
export const chunkSize = 1 << 20;

/** Everything that the client should have after this response: refused and unsent changes at their accepted form. */
export function fullState(state: TypeState, flight: Flight, ledger: RejectionLedger): Resource[] {
  const resources: Resource[] = [];
  const sent = new Map(flight.items.map(({ name, form }) => [name, form]));
  for (const [name, entry] of state.entries as Map<string, Entry>) {
    // After a reconnect the client may hold a form that only an earlier stream knew of, and refuse the newer one.
    const earlier = entry.unsure || entry.trouble?.bad !== undefined ? ledger.lastGood(state.type, name) : undefined;
    const form = sent.get(name) ?? entry.good?.resource ?? earlier;
    if (form !== undefined) resources.push(form);
  }
  return resources;
}

/** The version of a set of resources: the same set has the same version after our restart. */
export function versionOf(resources: Iterable<Resource>): string {
  const lines = Array.from(resources, ({ name, version }) => `${name}\0${version}`).sort();
  return hash('sha256', lines.join('\n'), 'base64url').slice(0, 22);
}

export function earliest(marks: readonly Mark[]): Mark {
  let first = marks[0] as Mark;
  for (const mark of marks) {
    if (mark.sequence < first.sequence || (mark.sequence === first.sequence && Number.isNaN(first.at))) first = mark;
  }
  return first;
}

export function* chunksOfNames(names: readonly string[]): Iterable<string[]> {
  let chunk: string[] = [];
  let size = 0;
  for (const name of names) {
    if (size > chunkSize) {
      yield chunk;
      chunk = [];
      size = 0;
    }
    chunk.push(name);
    size += name.length + 4;
  }
  if (chunk.length > 0) yield chunk;
}
