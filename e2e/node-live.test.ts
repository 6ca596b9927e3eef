import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { askAgent } from '../src/cli/agent-client.ts';
import { documents, endpoints, ingress, service } from './support/kubernetes.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { startProber } from './support/prober.ts';
import { freePort, startBackend } from './support/proxy-rig.ts';
import { until } from './support/until.ts';

describe('sluice run: live changes under requests', () => {
  let node: NodeRig;
  const backends: { server: Server; port: number }[] = [];

  before(async () => {
    for (const name of ['one', 'two']) backends.push(await startBackend((_, response) => response.end(name)));
    node = await startNodeRig({
      files: {
        'steady.yaml': documents(ingress('steady', 'steady.test', 'one'), service('one', [portOf(0)])),
        'two.yaml': service('two', [portOf(1)]),
      },
    });
    await node.served('steady.test');
  });
  after(async () => {
    await node?.stop();
    for (const { server } of backends) server.close();
  });

  const portOf = (i: number): number => backends[i]?.port ?? 0;

  /** Does something while another host is asked without pause; not one of those requests may fail. */
  async function undisturbed(work: () => Promise<void>): Promise<void> {
    const prober = startProber(node.ports.http, 'steady.test');
    try {
      await prober.passes(10);
      await work();
      await prober.passes(10);
    } finally {
      const { requests, failures } = await prober.stop();
      console.log(`      ${requests} requests meanwhile`);
      assert.deepEqual(failures, []);
    }
  }

  const answers = (host: string, body: string) =>
    until(`${host} to be answered by ${body}`, async () => (await node.get(host)).body === body);

  it('takes edits, renames and deletes, in new folders too', () =>
    undisturbed(async () => {
      node.write('edit.yaml', ingress('edit', 'edit.test', 'one'));
      await answers('edit.test', 'one');
      node.write('edit.yaml', ingress('edit', 'edit.test', 'two'));
      await answers('edit.test', 'two');
      node.write('edit.yaml', ingress('edit', 'edited.test', 'two'));
      await node.served('edited.test');
      await node.served('edit.test', 404);
      renameSync(join(node.folder, 'edit.yaml'), join(node.folder, 'renamed.yaml'));
      mkdirSync(join(node.folder, 'team/web'), { recursive: true });
      node.write('team/web/deep.yaml', ingress('deep', 'deep.test', 'one'));
      await node.served('deep.test');
      await node.served('edited.test');
      renameSync(join(node.folder, 'team'), join(node.folder, 'group'));
      node.write('group/web/deep.yaml', ingress('deep', 'deeper.test', 'one'));
      await node.served('deeper.test');
      await node.served('deep.test', 404);
      node.remove('group');
      node.remove('renamed.yaml');
      await node.served('deeper.test', 404);
      await node.served('edited.test', 404);
    }));

  it('never serves what a file half written says', async () => {
    const path = join(node.folder, 'slow.yaml');
    const text = documents(ingress('slow', 'slow.test', 'one'), ingress('slower', 'slower.test', 'one'));
    writeFileSync(path, text);
    await node.served('slower.test');
    const probers = ['slow.test', 'slower.test'].map((host) => startProber(node.ports.http, host));
    for (let i = 0; i < 20; i++) {
      // At once, as an editor does: a file that stays cut for 50 ms is believed, and a busy machine is slower than that.
      truncateSync(path);
      writeFileSync(path, text.slice(0, 400 + i));
      writeFileSync(path, `${text}# ${i}\n`);
      for (const prober of probers) await prober.passes(5);
    }
    for (const prober of probers) assert.deepEqual((await prober.stop()).failures, []);
    rmSync(path);
    await node.served('slow.test', 404);
  });

  it('keeps the last good version of an object, and says where the bad one is wrong', () =>
    undisturbed(async () => {
      node.write('typo.yaml', ingress('typo', 'typo.test', 'one'));
      await node.served('typo.test');
      node.write('typo.yaml', ingress('typo', 'typo.test', 'one').replace('rules:', 'rulez:'));
      const { location } = await node.diagnosed('UnknownField', /rulez/);
      assert.deepEqual(location, { file: join(node.folder, 'typo.yaml'), line: 8, column: 3 });
      await node.served('typo.test');
      node.write('typo.yaml', '{{{ not yaml');
      await node.diagnosed('InvalidYaml');
      await node.served('typo.test');
      node.write('typo.yaml', ingress('typo', 'typo.test', 'two'));
      await answers('typo.test', 'two');
      assert.deepEqual((await node.status()).problems, []);
      node.remove('typo.yaml');
      await node.served('typo.test', 404);
    }));

  it('makes one or few updates of a burst of 500 files', () =>
    undisturbed(async () => {
      const before = await turns();
      for (let i = 0; i < 500; i++)
        writeFileSync(join(node.folder, `burst-${i}.yaml`), ingress(`burst-${i}`, `burst-${i}.test`, 'one'));
      for (const i of [0, 250, 499]) await node.served(`burst-${i}.test`);
      const written = (await turns()) - before;
      for (let i = 0; i < 500; i++) rmSync(join(node.folder, `burst-${i}.yaml`));
      for (const i of [0, 250, 499]) await node.served(`burst-${i}.test`, 404);
      const removed = (await turns()) - before - written;
      console.log(`      500 files written: ${written} updates; removed: ${removed}`);
      // A batch closes 100 ms after its first event at the latest: a slow disk makes more than one.
      assert.ok(written >= 1 && written <= 50, `${written} updates`);
      assert.ok(removed >= 1 && removed <= 50, `${removed} updates`);
    }));

  async function turns(): Promise<number> {
    const { body } = await askAgent(node.stateDir, '/metrics');
    return Number(/^sluice_store_turn_seconds_count(?:\{[^}]*\})? (\d+)/m.exec(body)?.[1]);
  }

  it('adds and removes endpoints of a Service in use', () =>
    undisturbed(async () => {
      const seen = async (body: string) => answers('steady.test', body);
      for (let i = 0; i < 5; i++) {
        node.write('more.yaml', endpoints('one', portOf(1), 'one-more'));
        await seen('two');
        node.remove('more.yaml');
        await until('the endpoint to be gone from Envoy', async () => {
          const bodies = await Promise.all(Array.from({ length: 10 }, () => node.get('steady.test')));
          return bodies.every(({ body }) => body === 'one');
        });
      }
    }));

  it('adds, changes and removes a Gateway listener', () =>
    undisturbed(async () => {
      const [first, second] = [await freePort(), await freePort()];
      const gateway = (ports: readonly number[]) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: cilium
  listeners:
${ports.map((port) => `  - {name: "p${port}", port: ${port}, protocol: HTTP}\n`).join('')}`;
      node.write(
        'route.yaml',
        `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: edge}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: two, port: 80}]}]
`,
      );
      const answersOn = (port: number, wanted: string) =>
        until(`port ${port}: ${wanted}`, async () => {
          const got = await fetch(`http://127.0.0.1:${port}/`).then(
            (response) => response.text(),
            () => 'closed',
          );
          return got === wanted;
        });
      node.write('gateway.yaml', gateway([first]));
      await answersOn(first, 'two');
      const prober = startProber(first, 'any.test');
      node.write('gateway.yaml', gateway([first, second]));
      await answersOn(second, 'two');
      await prober.passes(10);
      node.write('gateway.yaml', gateway([first]));
      await answersOn(second, 'closed');
      assert.deepEqual((await prober.stop()).failures, []);
      node.remove('gateway.yaml');
      await answersOn(first, 'closed');
      node.remove('route.yaml');
    }));
});
