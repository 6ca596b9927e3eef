import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rejection } from '../../mesh/envoy/resource.ts';
import { ResourceCache } from '../cache.ts';
import { serveXds, type XdsOptions, type XdsServer } from '../server.ts';
import type { XdsLog } from '../stream-context.ts';
import { type ClientOptions, XdsClient } from './client.ts';

/** A cache served on a Unix socket of its own, for tests. */
export interface Rig {
  readonly cache: ResourceCache;
  readonly server: XdsServer;
  readonly path: string;
  readonly rejections: Rejection[];
  readonly accepted: Rejection[];
  /** What was logged, as `level message`. */
  readonly lines: string[];
  /** Resolves when `predicate` holds, tested after each refusal, forgiveness and line of the log. */
  until(predicate: () => boolean): Promise<void>;
  connect(options?: Partial<ClientOptions>): XdsClient;
  close(): Promise<void>;
}

export async function startRig(options: Partial<XdsOptions> = {}): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), 'xds-'));
  const path = join(dir, 'run', 'xds.sock');
  const cache = options.cache ?? new ResourceCache();
  const rejections: Rejection[] = [];
  const accepted: Rejection[] = [];
  const lines: string[] = [];
  const clients: XdsClient[] = [];
  const waiting = new Set<() => void>();
  const note =
    <T>(list: T[]) =>
    (entry: T) => {
      list.push(entry);
      for (const test of waiting) test();
    };
  const server = await serveXds({
    unix: path,
    log: recorder(note(lines)),
    onRejection: note(rejections),
    onAccepted: note(accepted),
    ...options,
    cache,
  });
  return {
    cache,
    server,
    path,
    rejections,
    accepted,
    lines,
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
    connect(clientOptions = {}) {
      const client = new XdsClient({ protocol: 'delta', target: { unix: path }, ...clientOptions });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function recorder(note: (line: string) => void): XdsLog {
  const at = (level: string) => (_: object, message: string) => note(`${level} ${message}`);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
