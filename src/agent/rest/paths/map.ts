import type { BPFMap, BPFMapEntry } from '../models/state.ts';
import type { Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { MapEntryView, MapView } from '../view/state-view.ts';
import { mapText } from '../words/map-text.ts';

/** Entries put into one piece of text: a piece holds the event loop up for a millisecond or so. */
const chunk = 500;

export function mapRoutes(view: DatapathView): Route[] {
  return [
    {
      method: 'GET',
      path: '/map',
      handle: () => ({ stream: list([...view.maps()]) }),
    },
    {
      method: 'GET',
      path: '/map/{name}',
      handle({ parameters: { name } }) {
        const map = [...view.maps()].find((candidate) => candidate.name === name);
        return map === undefined ? { status: 404 } : { stream: one(map, true) };
      },
    },
  ];
}

/** A BPFMapList, in pieces: all maps of a large node together are many megabytes. */
async function* list(maps: readonly MapView[]): AsyncIterable<string> {
  yield '{"maps":[';
  for (const [i, map] of maps.entries()) {
    if (i > 0) yield ',';
    yield* one(map, map.desired);
  }
  yield ']}\n';
}

/** A BPFMap, in pieces. */
async function* one(map: MapView, entries: boolean): AsyncIterable<string> {
  const head = JSON.stringify({ path: map.path } satisfies BPFMap);
  if (!entries) {
    yield head;
    return;
  }
  yield `${head.slice(0, -1)},"cache":[`;
  let piece: string[] = [];
  let first = true;
  for (const entry of map.entries()) {
    piece.push(JSON.stringify(entryModel(entry)));
    if (piece.length < chunk) continue;
    yield `${first ? '' : ','}${piece.join(',')}`;
    first = false;
    piece = [];
    // Others have their turn: the client may be as fast as we are.
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield `${first || piece.length === 0 ? '' : ','}${piece.join(',')}]}`;
}

function entryModel({ key, value, pending, error }: MapEntryView): BPFMapEntry {
  return {
    key: mapText(key),
    value: mapText(value),
    'desired-action': pending ?? 'ok',
    ...(error === undefined ? {} : { 'last-error': error }),
  };
}
