import { jsonList } from '../json-list.ts';
import type { BPFMap, BPFMapEntry } from '../models/state.ts';
import type { Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { MapEntryView, MapView } from '../view/state-view.ts';
import { mapText } from '../words/map-text.ts';

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
  yield `${head.slice(0, -1)},"cache":`;
  yield* jsonList(map.entries(), entryModel);
  yield '}';
}

function entryModel({ key, value, pending, error }: MapEntryView): BPFMapEntry {
  return {
    key: mapText(key),
    value: mapText(value),
    'desired-action': pending ?? 'ok',
    ...(error === undefined ? {} : { 'last-error': error }),
  };
}
