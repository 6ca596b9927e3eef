import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { documents, ingress, service, tlsSecret } from './support/kubernetes.ts';
import { fetchHost } from './support/mesh-rig.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { freePort, startBackend } from './support/proxy-rig.ts';
import { until } from './support/until.ts';
import { ask, certificate } from './support/xds-rig.ts';

describe('sluice run: crashes', () => {
  let node: NodeRig;
  let backend: { server: Server; port: number };
  let gatewayPort: number;

  before(async () => {
    backend = await startBackend((_, response) => response.end('hello'));
    gatewayPort = await freePort();
    const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  gatewayClassName: cilium
  listeners: [{name: http, port: ${gatewayPort}, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: edge}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`;
    node = await startNodeRig({
      files: {
        'shop.yaml': documents(
          ingress('shop', 'shop.test', 'web', { extra: '  tls: [{hosts: [shop.test], secretName: shop}]' }),
          ingress('plain', 'plain.test', 'web'),
          service('web', [backend.port]),
        ),
        'gateway.yaml': gateway,
      },
    });
    const shop = certificate(join(node.dir, 'certificates'), 'shop.test');
    node.write('secret.yaml', tlsSecret('shop', shop.cert, shop.key));
    await allServed();
  });
  after(async () => {
    await node?.stop();
    backend?.server.close();
  });

  const statusOf = (asked: Promise<{ status: number }>): Promise<number> =>
    asked.then(
      ({ status }) => status,
      () => 0,
    );

  async function allServed(): Promise<void> {
    let last: number[] = [];
    await until(
      () => `all listeners: HTTP, HTTPS and Gateway answered ${last}`,
      async () => {
        last = await Promise.all([
          statusOf(node.get('plain.test')),
          statusOf(ask(node.ports.https, 'shop.test')),
          statusOf(fetchHost({ address: '127.0.0.1', port: gatewayPort }, 'any.test')),
        ]);
        return last.every((status) => status === 200);
      },
    );
  }

  const probe = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${node.ports.metrics}${path}`)).status;

  async function envoyPid(): Promise<number> {
    return until('Envoy', async () => (await node.status()).envoy.pid);
  }

  it('kill -9 of Envoy: every listener is back', async () => {
    const before = await envoyPid();
    for (let i = 0; i < 2; i++) {
      const pid = await envoyPid();
      const start = performance.now();
      process.kill(pid, 'SIGKILL');
      await until('Envoy to be gone', () => !existsSync(`/proc/${pid}/exe`));
      await allServed();
      console.log(`      all listeners back after ${Math.round(performance.now() - start)} ms`);
      await until('readiness', async () => (await probe('/readyz')) === 200);
    }
    assert.notEqual(await envoyPid(), before);
    const { envoy, problems } = await node.status();
    assert.deepEqual([envoy.state, envoy.restarts, problems], ['ready', 2, []]);
  });

  it('is not ready while Envoy is down, and alive all the same', async () => {
    assert.equal(await probe('/readyz'), 200);
    process.kill(await envoyPid(), 'SIGKILL');
    await until('not ready', async () => (await probe('/readyz')) === 503);
    assert.equal(await probe('/healthz'), 200);
    await until('ready again', async () => (await probe('/readyz')) === 200);
    await allServed();
  });

  it('kill -9 of the control plane takes its Envoy along; started again on what is left, it serves', async () => {
    const envoy = await envoyPid();
    node.program.kill('SIGKILL');
    await node.program.ended;
    await until('Envoy to end', () => !existsSync(`/proc/${envoy}/exe`));
    const left = readdirSync(node.stateDir).filter((name) => statSync(join(node.stateDir, name)).isSocket());
    assert.ok(left.includes('xds.sock') && left.includes('agent.sock'), `stale sockets: ${left}`);
    const start = performance.now();
    await node.restart();
    await allServed();
    console.log(`      control plane and all listeners back after ${Math.round(performance.now() - start)} ms`);
    assert.deepEqual((await node.status()).problems, []);
  });

  it('refuses a state directory in use, and harms nothing there', async () => {
    await assert.rejects(startNodeRig({ stateDir: node.stateDir }), /STATE_DIR_IN_USE/);
    await allServed();
    assert.deepEqual((await node.status()).problems, []);
  });

  it('ends with all of its own on SIGTERM', async () => {
    const envoy = await envoyPid();
    await node.program.stop();
    assert.ok(!existsSync(`/proc/${envoy}/exe`));
    const left = readdirSync(node.stateDir).filter((name) => statSync(join(node.stateDir, name)).isSocket());
    assert.deepEqual(left, []);
    await node.restart();
    await allServed();
  });
});
