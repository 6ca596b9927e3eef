import { dump } from 'js-yaml';
import { type Diagnostic, formatRef, type ObjectRef } from '../../api/index.ts';
import { compareText } from '../../lib/compare.ts';
import type { Collection } from '../../store/index.ts';
import { comparePrecedence, type HttpRoute, type MeshOutputs } from '../model/index.ts';

/**
 * What a translator gave, as stable YAML: sorted by key, routes by table and host in the order in which they are tried,
 * secrets without their bytes, references as text, nothing that is undefined or empty.
 */
export function renderOutputs(outputs: MeshOutputs, parsing: readonly Diagnostic[] = []): string {
  const sections = {
    listeners: sorted(outputs.listeners, (listener) => listener),
    tables: tables(outputs.routes),
    backends: grouped(
      outputs.backends,
      ({ name }) => name,
      ([backend]) => backend,
    ),
    secrets: grouped(
      outputs.secrets,
      (use) => use.secret.name,
      (uses) => ({ type: uses[0]!.secret.type, origins: uses[0]!.secret.origins, users: users(uses) }),
    ),
    parsing: parsing.map(diagnostic),
    diagnostics: sorted(outputs.diagnostics, (list) => list.map(diagnostic)),
    statuses: sorted(outputs.statuses, (status) => status.value),
    services: sorted(outputs.services, ({ metadata: { annotations, labels }, spec }) => ({
      labels,
      annotations,
      spec,
    })),
  };
  const present = Object.entries(sections).filter(([, section]) => Object.keys(section).length > 0);
  return dump(plain(Object.fromEntries(present)), { lineWidth: 120, noRefs: true });
}

function sorted<V>(collection: Collection<V>, show: (value: V) => unknown): Record<string, unknown> {
  const entries = [...collection.entries()].sort(([a], [b]) => compareText(a, b));
  return Object.fromEntries(entries.map(([key, value]) => [key, show(value)]));
}

function grouped<V>(
  collection: Collection<V>,
  nameOf: (value: V) => string,
  show: (values: V[]) => unknown,
): Record<string, unknown> {
  const groups = Map.groupBy(collection.values(), nameOf);
  return Object.fromEntries(
    [...groups].sort(([a], [b]) => compareText(a, b)).map(([name, uses]) => [name, show(uses)]),
  );
}

function users(uses: readonly { readonly user: ObjectRef }[]): string[] {
  return uses.map((use) => formatRef(use.user)).sort();
}

function tables(routes: Collection<HttpRoute>): Record<string, unknown> {
  const byTable = Map.groupBy(routes.values(), (route) => route.table);
  return Object.fromEntries(
    [...byTable]
      .sort(([a], [b]) => compareText(a, b))
      .map(([table, members]) => {
        const byHost = [...Map.groupBy(members, (route) => route.host)].sort(([a], [b]) => compareText(a, b));
        return [table, Object.fromEntries(byHost.map(([host, list]) => [host, list.sort(byPrecedence).map(routeOf)]))];
      }),
  );
}

function byPrecedence(a: HttpRoute, b: HttpRoute): number {
  return comparePrecedence(a.precedence, b.precedence) || compareText(a.key, b.key);
}

function routeOf(route: HttpRoute): unknown {
  const { key, table: _table, host: _host, precedence: _precedence, ...rest } = route;
  return { key, ...rest };
}

function diagnostic(value: Diagnostic): unknown {
  const { severity, reason, ...rest } = value;
  return { [severity]: reason, ...rest };
}

/** js-yaml's own types only, without what is undefined; references as people read them, bytes as their number. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map || value instanceof Set) return plain([...value]);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if (isRef(value)) return formatRef(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}

/** Exactly a reference: an object of a status that happens to hold more is shown as it is. */
function isRef(value: object): value is ObjectRef {
  const keys = Object.keys(value);
  return (
    'kind' in value &&
    'name' in value &&
    'group' in value &&
    keys.every((key) => key === 'group' || key === 'kind' || key === 'name' || key === 'namespace')
  );
}
