/** Small worlds of YAML objects and the rules that their routes come to. For tests only. */
import assert from 'node:assert/strict';
import { loadAll } from 'js-yaml';
import { type AnyObject, parseObject } from '../../../api/index.ts';
import { type DerivedCollection, Store } from '../../../store/index.ts';
import { createTables, setObject, type Tables } from '../../inputs.ts';
import { createGatewayContext } from '../context.ts';
import type { GatewayContext, RouteRules } from '../contract.ts';
import { grpcRouteRules } from '../grpc-rules.ts';
import { httpRouteRules } from '../http-rules.ts';

export interface World {
  readonly store: Store;
  readonly tables: Tables;
  readonly context: GatewayContext;
  /** By `namespace/name` of the route; through the Gateway `default/gw`, if there is one. */
  readonly http: DerivedCollection<RouteRules>;
  readonly grpc: DerivedCollection<RouteRules>;
}

export function world(yaml: string): World {
  const store = new Store({ schedule: () => {} });
  const tables = createTables(store);
  const context = createGatewayContext(store, tables);
  const http = store.derive(tables.HTTPRoute, {
    name: 'http',
    map: (fetch, route, key) => [[key, httpRouteRules(fetch, context, route, fetch.get(tables.Gateway, 'default/gw'))]],
  });
  const grpc = store.derive(tables.GRPCRoute, {
    name: 'grpc',
    map: (fetch, route, key) => [[key, grpcRouteRules(fetch, context, route, fetch.get(tables.Gateway, 'default/gw'))]],
  });
  for (const object of objects(yaml)) setObject(tables, object);
  store.flush();
  return { store, tables, context, http, grpc };
}

export function objects(yaml: string): AnyObject[] {
  return loadAll(yaml).map((document) => {
    const { object, diagnostics } = parseObject(document);
    assert.ok(object, JSON.stringify(diagnostics));
    return object;
  });
}

const services = ['a', 'b', 'c'].map((name) => service(name)).join('');

export function service(name: string, extra = '', port = 'port: 80'): string {
  return `
---
apiVersion: v1
kind: Service
metadata: {name: ${name}${extra}}
spec: {ports: [{${port}}]}
`;
}

/** The rules of one HTTPRoute `default/r` whose `rules` these are, next to the Services a, b and c, each with port 80. */
export function httpRules(rules: string, more = ''): RouteRules {
  const route = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  rules:
${indent(rules, 4)}`;
  return found(world(services + more + route).http);
}

export function grpcRules(rules: string, more = ''): RouteRules {
  const route = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: r}
spec:
  rules:
${indent(rules, 4)}`;
  return found(world(services + more + route).grpc);
}

function found(collection: DerivedCollection<RouteRules>): RouteRules {
  const rules = collection.get('default/r');
  assert.ok(rules);
  return rules;
}

function indent(text: string, by: number): string {
  return text.replace(/^/gm, ' '.repeat(by));
}
