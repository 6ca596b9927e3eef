import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { feedResources, type ResourceFeed } from '../../src/agent/resource-feed.ts';
import type { EncodeOptions } from '../../src/mesh/envoy/index.ts';
import type { Rejection } from '../../src/mesh/envoy/resource.ts';
import { meshOf } from '../../src/mesh/envoy/testing/model.ts';
import { Envoy, findEnvoy } from '../../src/proxy/index.ts';
import { ResourceCache, serveXds } from '../../src/xds/index.ts';
import { temporaryDir } from './proxy-rig.ts';

export type Mesh = ReturnType<typeof meshOf>;

/** A real Envoy on a real xDS server, which serves one model after another. */
export interface MeshRig {
  readonly envoy: Envoy;
  /** An empty model in place of the one before. */
  mesh(options?: EncodeOptions): Mesh;
  /** Flushes the model's store and waits until Envoy has answered what changed. */
  send(): Promise<void>;
  /** As `send`, and waits until Envoy has nothing left to warm. */
  publish(): Promise<void>;
  /** What Envoy refuses now. */
  rejections(): Rejection[];
  stop(): Promise<void>;
}

export async function startMeshRig(): Promise<MeshRig> {
  const dir = temporaryDir();
  const xdsSocket = join(dir.path, 'xds.sock');
  const cache = new ResourceCache();
  const xds = await serveXds({ cache, unix: xdsSocket, log: pino({ level: 'silent' }) });
  const envoy = new Envoy({
    stateDir: join(dir.path, 'envoy'),
    bootstrap: { node: { id: 'test', cluster: 'test' }, xdsSocket },
    logger: pino({ level: 'silent' }),
    concurrency: 1,
    listenerDrainSeconds: 2,
    binary: (await findEnvoy()).path,
    stdout: 'ignore',
  });
  await envoy.start(AbortSignal.timeout(30_000));
  let current: { mesh: Mesh; feed: ResourceFeed } | undefined;
  const send = async () => {
    if (current === undefined) return;
    current.mesh.store.flush();
    await xds.waitAcked(current.feed.publish());
  };
  return {
    envoy,
    mesh(options) {
      if (current !== undefined)
        cache.apply({ remove: current.mesh.resources.all.flatMap((collection) => [...collection.values()]) });
      const mesh = meshOf(options);
      current = { mesh, feed: feedResources(mesh.resources.all, cache) };
      return mesh;
    },
    send,
    async publish() {
      await send();
      const warming = ['cluster_manager.warming_clusters', 'listener_manager.total_listeners_warming'];
      for (;;) {
        const stats = await envoy.admin.stats(`^(${warming.join('|')})$`);
        if (warming.every((name) => (stats.get(name) ?? 0) === 0)) break;
        await delay(10);
      }
      await xds.waitAcked(cache.sequence);
    },
    rejections: () => xds.rejections(),
    async stop() {
      await envoy.stop({ drainTime: 0 });
      await xds.close();
      dir[Symbol.dispose]();
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One request on a connection of its own; `host` is the Host header as it is written. */
export function fetchHost(
  to: { readonly address: string; readonly port: number },
  host: string,
  path = '/',
  headers: Record<string, string> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: to.address, port: to.port, path, headers: { ...headers, host }, agent: false },
      async (response) => {
        let body = '';
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}
