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
  const server = await serveXds({
    unix: path,
    log: recorder(lines),
    onRejection: (rejection) => rejections.push(rejection),
    onAccepted: (rejection) => accepted.push(rejection),
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

export function recorder(lines: string[]): XdsLog {
  const at = (level: string) => (_: object, message: string) => lines.push(`${level} ${message}`);
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
}
