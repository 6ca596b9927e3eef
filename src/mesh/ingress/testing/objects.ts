/** Objects for tests, through the real parsers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyObject, Ingress } from '../../../api/index.ts';
import { parseObject } from '../../../api/parse.ts';
import { Store } from '../../../store/index.ts';
import { createTables, setObject, type Tables } from '../../inputs.ts';
import { defaultMeshOptions, type MeshOptions, type MeshOutputs } from '../../model/index.ts';
import { translateIngress } from '../index.ts';

export function parsed(raw: unknown): AnyObject {
  const { object, diagnostics } = parseObject(raw);
  assert.ok(object !== undefined, JSON.stringify(diagnostics));
  return object;
}

export function ingress(name: string, spec: object, metadata: object = {}): Ingress {
  const full = { ingressClassName: 'cilium', ...spec };
  return parsed({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, ...metadata },
    spec: full,
  }) as Ingress;
}

export function path(value: string, service = 'web', pathType = 'Prefix', port: object = { number: 80 }): object {
  return { path: value, pathType, backend: { service: { name: service, port } } };
}

/** A rule with one path; `host` undefined: every host. */
export function rule(host: string | undefined, ...paths: readonly object[]): object {
  return { ...(host === undefined ? {} : { host }), http: { paths } };
}

export function service(name: string, spec: object = {}): AnyObject {
  const ports = [{ name: 'http', port: 80 }];
  return parsed({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports, ...spec } });
}

/** A Secret with certificate and key of `testdata/certs`; different names give one that does not fit. */
export function tlsSecret(name: string, certificate: string, key = certificate): AnyObject {
  const file = (each: string) => readFileSync(join(import.meta.dirname, '../testdata/certs', each), 'utf8');
  return parsed({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': file(`${certificate}.crt`), 'tls.key': file(`${key}.key`) },
  });
}

export interface Plane {
  readonly store: Store;
  readonly tables: Tables;
  readonly outputs: MeshOutputs;
}

/** A translation with these objects in it. */
export function plane(objects: Iterable<AnyObject> = [], options: Partial<MeshOptions> = {}): Plane {
  const store = new Store({ schedule: () => {} });
  const tables = createTables(store);
  const outputs = translateIngress(store, tables, { ...defaultMeshOptions, ...options });
  for (const object of objects) setObject(tables, object);
  store.flush();
  return { store, tables, outputs };
}
