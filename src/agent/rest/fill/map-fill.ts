import { join } from 'node:path';
import type { MapEntryView, MapView } from '../view/state-view.ts';
import { plainValue } from '../words/plain-value.ts';
import type { NodeSources } from './node-sources.ts';

interface Readable {
  readonly name: string;
  readonly maxEntries: number;
  entries(): Iterable<readonly [unknown, unknown]>;
}

/** All maps with typed contents: those that the agent writes, then those that programs write. */
export function* mapViews({ maps, reconcilers }: NodeSources): Generator<MapView> {
  const { config, endpoints, localAddresses, ipcache4, ipcache6, policies } = maps;
  const refusals = new Map([...reconcilers()].map((reconciler) => [reconciler.map.name, reconciler]));
  const view = (map: Readable, desired: boolean): MapView => {
    const reconciler = refusals.get(map.name);
    return {
      name: map.name,
      path: join(maps.directory, map.name),
      maxEntries: map.maxEntries,
      errors: reconciler?.refused ?? 0,
      desired,
      *entries(): Generator<MapEntryView> {
        for (const [key, value] of map.entries()) yield { key: plainValue(key), value: plainValue(value) };
        for (const { key, value, fault } of reconciler?.refusals() ?? [])
          yield { key: plainValue(key), value: plainValue(value), pending: 'insert', error: fault.message };
      },
    };
  };
  for (const map of [config, endpoints, localAddresses, ipcache4, ipcache6]) yield view(map, true);
  const ids = [...policies.ids()];
  yield view(
    {
      name: policies.name,
      maxEntries: policies.maxEntries,
      *entries() {
        for (const id of ids) yield [id, `policy_${id}`];
      },
    },
    true,
  );
  for (const id of ids) {
    const map = policies.get(id);
    if (map !== undefined) yield view(map, true);
  }
  const { conntrack4, conntrack6, metrics, helperErrors, lostEvents } = maps;
  for (const map of [conntrack4, conntrack6, metrics, helperErrors, lostEvents]) yield view(map, false);
}
