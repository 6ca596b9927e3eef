/** For tests only: a control plane as a node has it, but for files and Envoy: objects in, a real xDS client out. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { type AnyObject, type Diagnostic, parseObject } from '../../api/index.ts';
import { assert } from '../../lib/fault.ts';
import { defaultEncodeOptions, type EncodeOptions } from '../../mesh/envoy/index.ts';
import { setObject } from '../../mesh/inputs.ts';
import { defaultMeshOptions } from '../../mesh/model/index.ts';
import { rejectionKey } from '../../status/index.ts';
import { ResourceCache, serveXds, type XdsServer } from '../../xds/index.ts';
import { allTypes, type ClientOptions, XdsClient } from '../../xds/testing/client.ts';
import { type ControlPlane, createControlPlane } from '../control-plane.ts';
import { feedResources } from '../resource-feed.ts';
import { remove } from './snapshot.ts';

export interface PlaneRig {
  readonly plane: ControlPlane;
  readonly cache: ResourceCache;
  readonly server: XdsServer;
  /** Objects to set, then objects to delete; all as one change. Resolves when every client has answered what came of it. */
  change(set: readonly AnyObject[], gone?: readonly AnyObject[]): Promise<void>;
  /** Resolves when `predicate` holds, tested after every flush. */
  until(predicate: () => boolean): Promise<void>;
  /** A client that asks for all there is of each type. */
  connect(options?: Partial<ClientOptions>): Promise<XdsClient>;
  diagnosticsOf(kind: string, name: string): Diagnostic[];
  close(): Promise<void>;
}

/** What an empty directory is to a rig that follows another one on the same socket. */
export function socketDirectory(): { readonly path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'plane-'));
  return {
    path: join(directory, 'run', 'xds.sock'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export async function startPlane(
  path: string,
  objects: readonly AnyObject[] = [],
  encode: Partial<EncodeOptions> = {},
): Promise<PlaneRig> {
  const waiting = new Set<() => void>();
  const plane = createControlPlane({
    mesh: defaultMeshOptions,
    encode: { ...defaultEncodeOptions, ...encode },
    onFlush: () => {
      feed.publish();
      for (const test of waiting) test();
    },
  });
  const cache = new ResourceCache();
  const feed = feedResources(plane.resources, cache);
  for (const object of objects) setObject(plane.tables, object);
  plane.store.flush();
  feed.publish();
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const server = await serveXds({
    cache,
    log: silent,
    unix: path,
    onRejection: (rejection) => plane.rejections.table.set(rejectionKey(rejection), rejection),
    onAccepted: (rejection) => plane.rejections.table.delete(rejectionKey(rejection)),
  });
  const clients: XdsClient[] = [];
  return {
    plane,
    cache,
    server,
    async change(set, gone = []) {
      for (const object of set) setObject(plane.tables, object);
      for (const object of gone) remove(plane, object);
      await plane.store.settled();
      await server.waitAcked(cache.sequence);
    },
    until: (predicate) =>
      new Promise((resolve) => {
        const test = () => {
          if (!predicate()) return;
          waiting.delete(test);
          resolve();
        };
        waiting.add(test);
        test();
      }),
    async connect(options = {}) {
      const client = new XdsClient({ protocol: 'delta', target: { unix: path }, ...options });
      clients.push(client);
      for (const type of allTypes) if (type !== 'extensions') client.subscribe(type, ['*']);
      await client.until(() => client.log.length >= allTypes.length - 1, 'a first answer of each type');
      await server.waitAcked(cache.sequence);
      return client;
    },
    diagnosticsOf(kind, name) {
      const all = plane.diagnostics.flatMap((collection) => [...collection.values()].flat());
      return all.filter(({ object }) => object !== undefined && object.kind === kind && object.name === name);
    },
    async close() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}

/** The responses of a client from a point of its log on: `type +set -removed`. */
export function sent(client: XdsClient, from: number): string[] {
  return client.log
    .slice(from)
    .map(({ response }) =>
      [
        response.type,
        ...response.resources.map(({ name }) => `+${name}`).sort(),
        ...response.removed.map((name) => `-${name}`).sort(),
      ].join(' '),
    );
}

export function yaml(text: string): AnyObject[] {
  return loadAll(text)
    .filter((document) => document !== null && document !== undefined)
    .map((document) => {
      const { object, diagnostics } = parseObject(document);
      assert(object !== undefined, JSON.stringify(diagnostics));
      return object;
    });
}
