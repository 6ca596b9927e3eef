import type { Collection, DerivedCollection, Store } from '../../store/index.ts';
import type { Listener } from '../model/index.ts';

/** Where a route table is served, as far as all its listeners agree. */
export interface TableUse {
  readonly table: string;
  /** The port that clients see. */
  readonly port?: number;
  readonly scheme?: 'http' | 'https';
}

/** One for each route table that a listener refers to. */
export function deriveTableUses(store: Store, listeners: Collection<Listener>): DerivedCollection<TableUse> {
  const byTable = listeners.index('table', (listener) => [
    ...new Set(listener.chains.flatMap((chain) => (chain.handler.type === 'http' ? [chain.handler.table] : []))),
  ]);
  return store.group(byTable, {
    name: 'table-uses',
    map: (_fetch, members, table) => {
      const ports = new Set<number>();
      const schemes = new Set<'http' | 'https'>();
      for (const listener of members)
        for (const { handler, tls } of listener.chains) {
          if (handler.type !== 'http' || handler.table !== table) continue;
          ports.add(handler.publicPort ?? listener.bind.port);
          schemes.add(tls === undefined ? 'http' : 'https');
        }
      const only = <T>(values: Set<T>) => (values.size === 1 ? [...values][0] : undefined);
      const port = only(ports);
      const scheme = only(schemes);
      return [[table, { table, ...(port === undefined ? {} : { port }), ...(scheme === undefined ? {} : { scheme }) }]];
    },
  });
}
