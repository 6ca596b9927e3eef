import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { documents, ingress, service } from './support/kubernetes.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { freePort, startBackend, temporaryDir } from './support/proxy-rig.ts';
import { startSluice } from './support/sluice-cli.ts';

describe('sluice run: metrics and what listens', () => {
  let node: NodeRig;
  let backend: { server: Server; port: number };

  before(async () => {
    backend = await startBackend((_, response) => response.end('hello'));
    node = await startNodeRig({ files: { 'web.yaml': service('web', [backend.port]), 'routes.yaml': routes(10) } });
    await node.served('host-9.test');
  });
  after(async () => {
    await node?.stop();
    backend?.server.close();
  });

  const routes = (count: number): string =>
    documents(...Array.from({ length: count }, (_, i) => ingress(`route-${i}`, `host-${i}.test`, 'web')));

  const scrape = async (path = '/metrics'): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${node.ports.metrics}${path}`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    return response.text();
  };

  /** `name{labels}` of every sample. */
  const series = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.slice(0, line.lastIndexOf(' ')));

  it('of the control plane: each stage with what waits, its time and counts; xDS by type', async () => {
    const text = await scrape();
    for (const pattern of [
      /^sluice_source_changes_total \d+$/m,
      /^sluice_store_turn_seconds_count [1-9]/m,
      /^sluice_stage_size\{stage="routes"\} [1-9]|^sluice_stage_size\{stage="[^"]*routes[^"]*"\} [1-9]/m,
      /^sluice_stage_runs_total\{stage="[^"]+"\} [1-9]/m,
      /^sluice_stage_queue\{stage="[^"]+"\} 0$/m,
      /^sluice_stage_busy_seconds_total\{stage="[^"]+"\} \d/m,
      /^sluice_xds_streams\{protocol="delta"\} 1$/m,
    ])
      assert.match(text, pattern);
    for (const type of ['listeners', 'routes', 'clusters', 'endpoints']) {
      assert.match(text, new RegExp(`^sluice_xds_responses_total\\{type="${type}"\\} [1-9]`, 'm'));
      assert.match(text, new RegExp(`^sluice_xds_acks_total\\{type="${type}"\\} [1-9]`, 'm'));
    }
    // The same stage would be two samples of one name.
    const all = series(text);
    assert.deepEqual(all.length, new Set(all).size);
    for (const each of all) assert.doesNotMatch(each, /host-\d|route-\d|default\//, 'no label names an object');
  });

  it('as many series for 200 routes as for 10', async () => {
    const settled = async (count: number): Promise<string[]> => {
      node.write('routes.yaml', routes(count));
      await node.served(`host-${count - 1}.test`);
      // A bad object, refused and mended, has been there too: its instruments exist from then on.
      node.write('bad.yaml', 'apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: 7}\n');
      await node.diagnosed('WrongType');
      node.remove('bad.yaml');
      await node.resolved('WrongType');
      return series(await scrape()).sort();
    };
    await settled(11);
    const few = await settled(10);
    const many = await settled(200);
    console.log(`      ${few.length} series at 10 routes, ${many.length} at 200`);
    assert.deepEqual(many, few);
  });

  it('of Envoy', async () => {
    for (let i = 0; i < 5; i++) assert.equal((await node.get('host-1.test')).status, 200);
    const text = await scrape('/metrics/envoy');
    assert.match(text, /^envoy_http_downstream_rq_total\{[^}]*\} [1-9]/m);
    assert.match(text, /^envoy_server_live\{?\}? 1$/m);
    assert.doesNotMatch(text, /host-\d/);
  });

  it('probes answer, and nothing else is there', async () => {
    const ask = async (path: string, method = 'GET') =>
      (await fetch(`http://127.0.0.1:${node.ports.metrics}${path}`, { method })).status;
    assert.deepEqual([await ask('/healthz'), await ask('/readyz')], [200, 200]);
    for (const path of ['/v1/status', '/v1/statuses', '/', '/../v1/status']) assert.equal(await ask(path), 404);
    assert.equal(await ask('/metrics', 'POST'), 405);
  });

  it('nothing listens anywhere but on loopback', async () => {
    const { pid, envoy } = await node.status();
    const listening = listeningOf(pid, envoy.pid ?? 0);
    // 127.0.0.1, with its bytes in the order of the machine.
    assert.ok(listening.length >= 2, `${listening}`);
    for (const address of listening) assert.match(address, /^0100007F:/);
  });

  it('nothing listens for them where they are off', async () => {
    using dir = temporaryDir();
    const places = ['--state-dir', join(dir.path, 'state'), '--http-port', `${await freePort()}`];
    const run = startSluice([dir.path, ...places, '--https-port', `${await freePort()}`, '--metrics-address', 'off']);
    try {
      await run.until(/^Ready after/m);
      assert.deepEqual(listeningOf(run.process.pid!), []);
    } finally {
      await run.interrupt();
    }
  });

  /** Addresses and ports of TCP, as the kernel writes them. */
  function listeningOf(...pids: number[]): string[] {
    const inodes = new Set(pids.flatMap(socketsOf));
    return ['tcp', 'tcp6'].flatMap((file) =>
      readFileSync(`/proc/net/${file}`, 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        // 0A is LISTEN (proc_net_tcp(5)).
        .filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))
        .map((fields) => fields[1] ?? ''),
    );
  }

  function socketsOf(pid: number): string[] {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        // Closed meanwhile.
        return [];
      }
    });
  }
});
