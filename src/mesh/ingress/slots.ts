import { type ObjectRef, refOf } from '../../api/index.ts';
import type { DerivedCollection, Store } from '../../store/index.ts';
import type { KeepAlive } from '../model/index.ts';
import type { Placed } from './placement.ts';

export interface Slot {
  readonly name: string;
  readonly oldest: ObjectRef;
  readonly keepAlive: KeepAlive | undefined;
  /** The port of a slot with one port for everything; others have the two of the options. */
  readonly port: number | undefined;
}

/** What some of a slot's Ingresses come to, seen together. */
interface Part {
  readonly slot: string;
  readonly oldest: Placed;
  /** The oldest that says anything about keep-alive. */
  readonly speaker: Placed | undefined;
}

/** The shared slot may hold every Ingress there is: in parts, one more costs a part and a look at each of the others. */
const parts = 128;

/** The slots in use. On shared listeners the oldest Ingress that says anything about keep-alive decides for all. */
export function deriveSlots(store: Store, placed: DerivedCollection<Placed>): DerivedCollection<Slot> {
  const partial = store.group<Placed, Part>(
    placed.index('part', ({ slot, key }) => (slot === undefined ? undefined : `${slot}|${partOf(key)}`)),
    {
      name: 'ingress/slot-parts',
      map: (_fetch, members, key) => {
        const speakers = members.filter((member) => member.settings.ownKeepAlive);
        return [[key, { slot: members[0]!.slot!, oldest: oldestOf(members)!, speaker: oldestOf(speakers) }]];
      },
    },
  );
  return store.group<Part, Slot>(
    partial.index('slot', (part) => part.slot),
    {
      name: 'ingress/slots',
      map: (_fetch, members, name) => {
        const oldest = oldestOf(members.map((part) => part.oldest))!;
        const speaker = oldestOf(members.flatMap((part) => part.speaker ?? []));
        const { keepAlive } = (speaker ?? oldest).settings;
        return [[name, { name, oldest: refOf(oldest.ingress), keepAlive, port: oldest.port }]];
      },
    },
  );
}

function oldestOf(members: readonly Placed[]): Placed | undefined {
  let oldest = members[0];
  for (const member of members) if (oldest !== undefined && isOlder(member, oldest)) oldest = member;
  return oldest;
}

function isOlder(a: Placed, b: Placed): boolean {
  const age = a.ingress.metadata.creationTimestamp - b.ingress.metadata.creationTimestamp;
  return age === 0 ? a.key < b.key : age < 0;
}

/** Any spread will do. */
function partOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return (hash >>> 0) % parts;
}
