import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import type { ObjectRef } from '../../../api/object.ts';
import { Store } from '../../../store/index.ts';
import type {
  Backend,
  Endpoints,
  HttpMatch,
  HttpRoute,
  Listener,
  Precedence,
  SecretMaterial,
} from '../../model/index.ts';
import { defaultEncodeOptions, type EncodeOptions, type EnvoyResources, encodeMesh } from '../index.ts';

/**
 * A model as tests write it: what is the same nearly everywhere may be left out (keys, names, precedence, origins), and
 * certificates are PEM text.
 */
export interface ModelInput {
  readonly options?: Partial<EncodeOptions>;
  readonly listeners?: readonly Partial<Listener>[];
  readonly routes?: readonly RouteInput[];
  readonly backends?: readonly Partial<Backend>[];
  readonly endpoints?: readonly Endpoints[];
  readonly secrets?: readonly Record<string, unknown>[];
}

export type RouteInput = Partial<Omit<HttpRoute, 'match'>> &
  Pick<HttpRoute, 'action'> & { readonly match?: Partial<HttpMatch> };

export interface Model {
  readonly listeners: readonly Listener[];
  readonly routes: readonly HttpRoute[];
  readonly backends: readonly Backend[];
  readonly endpoints: readonly Endpoints[];
  readonly secrets: readonly SecretMaterial[];
}

const origin = (kind: string, name: string): ObjectRef => ({ group: '', kind, namespace: 'default', name });

export function loadModel(path: string): { readonly model: Model; readonly options: EncodeOptions } {
  const input = load(readFileSync(path, 'utf8')) as ModelInput;
  return { model: completeModel(input), options: { ...defaultEncodeOptions, ...input.options } };
}

export function completeModel(input: ModelInput): Model {
  return {
    listeners: (input.listeners ?? []).map(
      (listener) => ({ origins: [origin('Gateway', 'gateway')], ...listener }) as Listener,
    ),
    routes: (input.routes ?? []).map(completeRoute),
    backends: (input.backends ?? []).map(completeBackend),
    endpoints: input.endpoints ?? [],
    secrets: (input.secrets ?? []).map(completeSecret),
  };
}

/** Precedence is Gateway API's: exact, then expressions, then the longest prefix; then as the list has it. */
export function completeRoute(input: RouteInput, index: number): HttpRoute {
  const match = { path: { type: 'prefix', value: '/' }, ...input.match } as HttpMatch;
  const name = input.name ?? `HTTPRoute default/route rule ${index}`;
  const precedence: Precedence = {
    path: { exact: 0, regex: 1, prefix: 2 }[match.path.type],
    length: match.path.value.length,
    method: match.method !== undefined,
    headers: match.headers?.length ?? 0,
    query: match.query?.length ?? 0,
    created: 0,
    owner: 'default/route',
    rule: index,
    match: 0,
  };
  const origins = [origin('HTTPRoute', 'route')];
  return { key: `${name}#${index}`, table: 'web', host: '*', origins, precedence, name, ...input, match };
}

export function completeBackend(input: Partial<Backend>): Backend {
  const { name = '' } = input;
  const colon = name.lastIndexOf(':');
  const target = { service: name.slice(0, colon), port: Number.parseInt(name.slice(colon + 1), 10), weight: 1 };
  return {
    name,
    discovery: { type: 'endpoints', targets: [target] },
    protocol: 'http',
    origins: [origin('Service', 'service')],
    ...input,
  };
}

function completeSecret(input: Record<string, unknown>): SecretMaterial {
  const bytes = (value: unknown) =>
    typeof value === 'string' && value.startsWith('-----') ? Buffer.from(value) : value;
  const entries = Object.entries(input).map(([name, value]) => [name, bytes(value)]);
  return { origins: [origin('Secret', 'secret')], ...Object.fromEntries(entries) } as SecretMaterial;
}

/** A store whose tables take a model, with the resources made of it. */
export function meshOf(options: EncodeOptions = defaultEncodeOptions) {
  const store = new Store({ schedule: () => {} });
  const tables = {
    listeners: store.table<Listener>('listeners'),
    routes: store.table<HttpRoute>('routes'),
    backends: store.table<Backend>('backends'),
    endpoints: store.table<Endpoints>('endpoints'),
    secrets: store.table<SecretMaterial>('secrets'),
  };
  const resources: EnvoyResources = encodeMesh(store, { ...tables, routes: [tables.routes] }, options);
  return { store, tables, resources };
}

/** Writes each thing of a model by itself, in any order, and calls `step` in between. */
export function writeModel(
  tables: ReturnType<typeof meshOf>['tables'],
  model: Model,
  step: () => void = () => {},
): void {
  const writes = [
    ...model.listeners.map((listener) => () => tables.listeners.set(listener.name, listener)),
    ...model.routes.map((route) => () => tables.routes.set(route.key, route)),
    ...model.backends.map((backend) => () => tables.backends.set(backend.name, backend)),
    ...model.endpoints.map((endpoints) => () => tables.endpoints.set(endpoints.backend, endpoints)),
    ...model.secrets.map((secret) => () => tables.secrets.set(secret.name, secret)),
  ];
  for (const write of writes) {
    write();
    step();
  }
}
