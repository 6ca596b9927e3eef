import assert from 'node:assert/strict';
import { restRoutes } from './rest.ts';
import type { MadeUpView } from './testing/made-up-view.ts';
import { description } from './testing/openapi.ts';
import { type Asked, type AskRest, startRestRig } from './testing/rest-rig.ts';

interface Example extends Asked {
  /** The operation's path where it has no names in it. */
  readonly path?: string;
  readonly status?: number;
  /** What the answer must say, where the operation is one that this agent refuses. */
  readonly reason?: RegExp;
}

const rule = { endpointSelector: {}, egress: [{ toFQDNs: [{ matchPattern: '*.example.org' }] }] };
const changeOfEndpoint = { state: 'ready', mac: '02:00:00:00:00:01', 'interface-name': 'lxc1' };
const none = { status: 404 };

/** An answer for each operation of the description: one that is carried out, that finds nothing, or that is refused with a reason. */
const examples: Readonly<Record<string, Example>> = {
  'GET /cluster/nodes': {},
  'GET /healthz': {},
  'GET /config': {},
  'PATCH /config': { body: { options: { PolicyAuditMode: 'Enabled' } } },
  'GET /endpoint': {},
  'GET /endpoint/{id}': { path: '/endpoint/17' },
  'PUT /endpoint/{id}': { path: '/endpoint/0', body: changeOfEndpoint, status: 201 },
  'PATCH /endpoint/{id}': { path: '/endpoint/18', body: changeOfEndpoint },
  'DELETE /endpoint/{id}': { path: '/endpoint/18' },
  'GET /endpoint/{id}/config': { path: '/endpoint/17/config' },
  'PATCH /endpoint/{id}/config': { path: '/endpoint/17/config', body: { options: { PolicyAuditMode: 'Enabled' } } },
  'GET /endpoint/{id}/labels': { path: '/endpoint/17/labels' },
  'PATCH /endpoint/{id}/labels': { path: '/endpoint/17/labels', body: { user: ['a=b'] } },
  'GET /endpoint/{id}/log': { path: '/endpoint/17/log' },
  'GET /endpoint/{id}/healthz': { path: '/endpoint/17/healthz' },
  'GET /identity': {},
  'GET /identity/{id}': { path: '/identity/300' },
  'GET /identity/endpoints': {},
  'POST /ipam': { status: 201, headers: { expiration: 'true' } },
  'POST /ipam/{ip}': { path: '/ipam/10.0.0.30' },
  'DELETE /ipam/{ip}': { path: '/ipam/10.0.0.30' },
  'GET /policy': {},
  'PUT /policy': { body: [rule] },
  'DELETE /policy': { body: [] },
  'GET /policy/resolve': { body: { from: { labels: ['k8s:app=cart'] }, to: { labels: ['k8s:app=web'] } } },
  'GET /policy/selectors': {},
  'GET /debuginfo': {},
  'GET /map': {},
  'GET /map/{name}': { path: '/map/endpoints' },
  'GET /metrics/': {},
  'GET /ip': {},
  'GET /fqdn/cache': none,
  'DELETE /fqdn/cache': {},
  'GET /fqdn/cache/{id}': { ...none, path: '/fqdn/cache/17' },
  'GET /fqdn/names': {},
  'GET /lrp': {},
  'GET /service': {},
  'GET /service/{id}': { ...none, path: '/service/1' },
  'PUT /service/{id}': { path: '/service/1', body: {}, status: 501, reason: /services are those of Kubernetes/ },
  'DELETE /service/{id}': { ...none, path: '/service/1' },
  'GET /recorder': {},
  'GET /recorder/masks': {},
  'GET /recorder/{id}': { ...none, path: '/recorder/1' },
  'PUT /recorder/{id}': { path: '/recorder/1', body: {}, status: 500, reason: /records no packets/ },
  'DELETE /recorder/{id}': { ...none, path: '/recorder/1' },
  'GET /prefilter': {},
  'PATCH /prefilter': { body: {}, status: 500, reason: /no prefilter: a policy/ },
  'DELETE /prefilter': { body: {}, status: 500, reason: /no prefilter: a policy/ },
};

const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

describe('the description of Cilium’s API', () => {
  let view: MadeUpView;
  let ask: AskRest;
  let stop: () => Promise<void>;
  before(async () => {
    ({ view, ask, stop } = await startRestRig());
  });
  after(() => stop());

  for (const operation of operations) {
    const example = examples[operation];
    it(`${operation}: ${example?.reason === undefined ? 'is answered' : 'is refused, with the reason'}`, async () => {
      assert.ok(example, 'there is no example of it');
      const [method, path] = operation.split(' ') as [string, string];
      const { status, text, json } = await ask(method, `/v1${example.path ?? path}`, path, example);
      assert.equal(status, example.status ?? 200, text);
      if (example.reason !== undefined) assert.match(json(), example.reason);
    });
  }

  it('has all that is answered, but for what is our own', () => {
    const ours = restRoutes(view).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(
      ours.filter((route) => !operations.includes(route)),
      ['GET /endpoint/{id}/policy', 'GET /monitor'],
    );
    assert.deepEqual(
      Object.keys(examples).filter((operation) => !operations.includes(operation)),
      [],
    );
  });

  it('is held against the names that policies have', async () => {
    await ask('PUT', '/v1/policy', '/policy', { body: [rule] });
    const { json } = await ask('GET', '/v1/fqdn/names', '/fqdn/names');
    assert.deepEqual(json().FQDNPolicySelectors, [
      {
        selectorString: 'MatchName: , MatchPattern: *.example.org',
        regexString: '^[-a-zA-Z0-9_]*[.]example[.]org[.]$',
      },
    ]);
  });
});
