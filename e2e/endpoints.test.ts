import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { completeBackend, completeModel, writeModel } from '../src/mesh/envoy/testing/model.ts';
import type { Backend, EndpointAddress, HttpRoute } from '../src/mesh/model/index.ts';
import { fetchHost, type Mesh, type MeshRig, startMeshRig } from './support/mesh-rig.ts';
import { freePort } from './support/proxy-rig.ts';

const backend = 'default/web:80';

describe('endpoints in Envoy', () => {
  let rig: MeshRig;
  let port: number;
  let mesh: Mesh;
  const servers = new Map<string, Server>();
  /** Requests to `/held`, which wait for the test. */
  const held: ServerResponse[] = [];
  let arrived: () => void = () => {};
  const to = () => ({ address: '127.0.0.1', port });

  before(async () => {
    rig = await startMeshRig();
    port = await freePort();
    for (const name of ['one', 'two']) {
      const server = createServer((request, response) => {
        if (request.url !== '/held') return void response.end(name);
        held.push(response);
        arrived();
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      servers.set(name, server);
    }
  });
  after(async () => {
    await rig.stop();
    for (const server of servers.values()) {
      server.closeAllConnections();
      server.close();
    }
  });

  const at = (name: string, state: EndpointAddress['state'] = 'healthy'): EndpointAddress => ({
    address: '127.0.0.1',
    port: (servers.get(name)!.address() as AddressInfo).port,
    state,
  });
  async function setEndpoints(...endpoints: EndpointAddress[]): Promise<void> {
    mesh.tables.endpoints.set(backend, { backend, localities: [{ weight: 1, endpoints }] });
    await rig.publish();
    assert.deepEqual(rig.rejections(), []);
  }
  async function serve(route: Partial<HttpRoute['action']> = {}, extra: Partial<Backend> = {}): Promise<void> {
    mesh = rig.mesh();
    const action = { type: 'forward', missingStatus: 500, backends: [{ backend, weight: 1 }], ...route };
    writeModel(
      mesh.tables,
      completeModel({
        listeners: [
          {
            name: 'web',
            bind: { address: '127.0.0.1', port, transport: 'tcp' },
            chains: [{ name: 'plain', serverNames: [], handler: { type: 'http', table: 'web' } }],
          },
        ],
        routes: [{ host: '*', action: action as HttpRoute['action'] }],
        backends: [completeBackend({ name: backend, ...extra })],
      }),
    );
  }
  /** Who answered, of so many requests. */
  async function answers(count: number, headers: Record<string, string> = {}): Promise<string[]> {
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) {
      const { status, body } = await fetchHost(to(), 'a.org', '/', headers);
      seen.add(status === 200 ? body : String(status));
    }
    return [...seen].sort();
  }

  it('lets a request finish on an endpoint that has left the list', async () => {
    await serve();
    await setEndpoints(at('one'));
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const slow = fetchHost(to(), 'a.org', '/held');
    await arrival;
    await setEndpoints(at('two'));
    assert.deepEqual(await answers(5), ['two']);
    for (const response of held.splice(0)) response.end('finished');
    assert.equal((await slow).body, 'finished');
  });

  it('gives nothing new to one that drains, unless no other is left', async () => {
    await serve();
    await setEndpoints(at('one', 'draining'), at('two'));
    assert.deepEqual(await answers(10), ['two']);
    await setEndpoints(at('one', 'draining'));
    assert.deepEqual(await answers(3), ['one']);
    await setEndpoints();
    assert.deepEqual(await answers(2), ['503']);
  });

  it('keeps a session with its endpoint while that drains, and moves it when it is gone', async () => {
    await serve({ session: { type: 'cookie', name: 'sid' } });
    await setEndpoints(at('one'));
    const first = await fetchHost(to(), 'a.org');
    const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
    assert.match(cookie, /^sid=/);
    await setEndpoints(at('one', 'draining'), at('two'));
    assert.deepEqual(await answers(5, { cookie }), ['one']);
    await setEndpoints(at('two'));
    assert.deepEqual(await answers(5, { cookie }), ['two']);
  });

  it('keeps one client with one endpoint where the Service asks for it', async () => {
    await serve({}, { clientAffinity: true });
    await setEndpoints(at('one'), at('two'));
    assert.equal((await answers(20)).length, 1);
  });

  it('costs no request when an endpoint has died and is still in the list', async () => {
    await serve();
    await setEndpoints({ address: '127.0.0.1', port: await freePort(), state: 'healthy' }, at('two'));
    assert.deepEqual(await answers(30), ['two']);
  });

  it('splits among the targets of one backend by weight', async () => {
    const target = (service: string, weight: number) => ({ service, port: 80, weight });
    await serve({}, { discovery: { type: 'endpoints', targets: [target('default/a', 9), target('default/b', 1)] } });
    mesh.tables.endpoints.set(backend, {
      backend,
      localities: [
        { weight: 9, endpoints: [at('one')] },
        { weight: 1, endpoints: [at('two')] },
      ],
    });
    await rig.publish();
    let ones = 0;
    for (let i = 0; i < 100; i++) if ((await fetchHost(to(), 'a.org')).body === 'one') ones++;
    // Binomial, 100 tries of 0.9: outside of this once in 10^9.
    assert.ok(ones > 65 && ones < 100, `${ones} of 100`);
  });
});
