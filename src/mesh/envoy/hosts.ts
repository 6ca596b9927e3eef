import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { HttpRoute } from '../model/index.ts';
import type { HostFragment } from './routes/virtual-host.ts';
import { virtualHost } from './routes/virtual-host.ts';
import type { TableUse } from './table-use.ts';

/** No table and no host holds it. */
const separator = '\n';

/** Every host of every table, its routes encoded once however many RouteConfigurations they go into. */
export function deriveHosts(
  store: Store,
  routes: readonly Collection<HttpRoute>[],
  uses: Collection<TableUse>,
  options: { readonly traced: boolean },
): DerivedCollection<HostFragment> {
  const byHost = routes.map((collection) =>
    collection.index('host', (route) => `${route.table}${separator}${route.host}`),
  );
  return store.group(byHost, {
    name: 'hosts',
    map: (fetch, members, key) => {
      const [{ table, host }] = members as [HttpRoute];
      // Only a redirect that leaves its port to the listener needs to know the listener.
      const needsUse = members.some(({ action }) => action.type === 'redirect');
      const use = needsUse ? fetch.get(uses, table) : undefined;
      return [[key, virtualHost(table, host, members, { use, traced: options.traced })]];
    },
  });
}
