import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { record } from '../../flows/testing/records.ts';
import { EventType } from '../../gen/abi.ts';
import { createRest } from './rest.ts';
import { serveRest } from './serve-rest.ts';
import type { MadeUpView } from './testing/made-up-view.ts';
import { type AskRest, silentLog as log, startRestRig } from './testing/rest-rig.ts';

describe('REST API', () => {
  let dir: string;
  let view: MadeUpView;
  let ask: AskRest;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    ({ dir, view, ask, stop } = await startRestRig({ '/v1/status': () => ({ body: 'own' }) }));
  });
  afterEach(() => stop());

  it('lists endpoints with identity, addresses, policy and health', async () => {
    const { json } = await ask('GET', '/v1/endpoint', '/endpoint');
    assert.deepEqual(
      json().map((endpoint: { id: number }) => endpoint.id),
      [1, 17, 18, 19],
    );
    const web = json()[1];
    assert.equal(web.status.identity.id, 300);
    assert.deepEqual(web.status.networking.addressing, [{ ipv4: '10.0.0.17', ipv6: 'fd00::11' }]);
    assert.equal(web.status.networking['host-addressing'].ipv4['alloc-range'], '10.0.0.0/24');
    assert.deepEqual(web.status.namedPorts, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
    const policy = web.status.policy.realized;
    assert.equal(policy['policy-enabled'], 'ingress');
    assert.deepEqual(policy['allowed-ingress-identities'], [1, 2, 301]);
    assert.deepEqual(policy['denied-ingress-identities'], [16_777_216]);
    assert.deepEqual(policy['cidr-policy'].ingress, [
      { rule: '10.8.0.0/16', 'derived-from-rules': [['shop/web ingressDeny[0].toPorts[0]']] },
    ]);
    assert.deepEqual(JSON.parse(policy.l4.ingress[1].rule), { port: '8000-8007', protocol: 'TCP', verdict: 'deny' });
    assert.equal(json()[2].status.health.policy, 'Warning');
    assert.equal(json()[3].status.state, 'waiting-for-identity');
  });

  it('finds endpoints by labels, in the body of a GET as Cilium does', async () => {
    const found = await ask('GET', '/v1/endpoint', '/endpoint', { body: ['app=web'] });
    assert.equal(found.json().length, 1);
    assert.equal((await ask('GET', '/v1/endpoint', '/endpoint', { body: ['k8s:app'] })).status, 404);
    assert.equal((await ask('GET', '/v1/endpoint', undefined, { body: { app: 1 } })).status, 400);
    assert.equal((await ask('GET', '/v1/endpoint', undefined, { raw: '[' })).status, 400);
  });

  it('finds an endpoint by each kind of id', async () => {
    const ids = [
      '17',
      'cilium-local:17',
      'cilium-global:default:node-1:17',
      'container-id:c0ffee',
      'pod-name:shop:web-1',
    ];
    for (const id of [...ids, 'pod-name:shop%2Fweb-1', 'ipv4:10.0.0.17', 'ipv6:fd00::11']) {
      const { json } = await ask('GET', `/v1/endpoint/${id}`, '/endpoint/{id}');
      assert.equal(json().id, 17, id);
    }
    for (const id of ['99', 'container-name:x', 'docker-endpoint:x', 'pod-name:shop', 'cilium-global:other:node-1:17'])
      assert.equal((await ask('GET', `/v1/endpoint/${id}`, '/endpoint/{id}')).status, 404, id);
    for (const id of ['x', '70000', 'nothing:17', '-1'])
      assert.equal((await ask('GET', `/v1/endpoint/${id}`, '/endpoint/{id}')).status, 400, id);
  });

  it('tells an endpoint’s configuration, labels, log, health and map', async () => {
    const of = (what: string) => ask('GET', `/v1/endpoint/17/${what}`, `/endpoint/{id}/${what}`);
    assert.equal((await of('config')).json().realized.options.PolicyAuditMode, 'Disabled');
    assert.ok((await of('labels')).json().status.derived.includes('k8s:pod-template-hash=abc'));
    assert.equal((await of('log')).json()[1].timestamp, '2023-11-14T22:13:20.100Z');
    assert.equal((await of('healthz')).json().overallHealth, 'OK');
    const { json } = await ask('GET', '/v1/endpoint/17/policy');
    assert.equal(json().entries.length, 4);
    assert.equal(json().entries[1].packets, 3);
  });

  it('tells identities, and which are in use here', async () => {
    const all = (await ask('GET', '/v1/identity', '/identity')).json();
    assert.deepEqual(
      all.map(({ id }: { id: number }) => id),
      [1, 2, 300, 301, 16_777_216],
    );
    assert.equal((await ask('GET', '/v1/identity/300', '/identity/{id}')).json().labels[0], 'k8s:app=web');
    assert.equal((await ask('GET', '/v1/identity/299', '/identity/{id}')).status, 404);
    assert.equal((await ask('GET', '/v1/identity/x', '/identity/{id}')).status, 400);
    const used = (await ask('GET', '/v1/identity/endpoints', '/identity/endpoints')).json();
    assert.deepEqual(
      used.map(({ identity, refCount }: { identity: { id: number }; refCount: number }) => [identity.id, refCount]),
      [
        [1, 1],
        [300, 1],
        [301, 1],
      ],
    );
    assert.equal((await ask('GET', '/v1/identity', '/identity', { body: ['k8s:app=none'] })).status, 404);
  });

  it('tells addresses, all or those within a network', async () => {
    assert.equal((await ask('GET', '/v1/ip', '/ip')).json().length, 4);
    const within = async (cidr: string) =>
      (await ask('GET', `/v1/ip?cidr=${encodeURIComponent(cidr)}`, '/ip'))
        .json()
        .map((entry: { cidr: string }) => entry.cidr);
    assert.deepEqual(await within('10.0.0.0/8'), ['10.0.0.17/32', '10.8.0.0/16']);
    assert.deepEqual(await within('fd00::11'), ['fd00::11/128']);
    assert.equal((await ask('GET', '/v1/ip?cidr=172.16.0.0%2F12', '/ip')).status, 404);
    assert.equal((await ask('GET', '/v1/ip?cidr=ten', '/ip')).status, 400);
  });

  it('tells a client what changed among nodes since it asked', async () => {
    const nodes = async (id?: string) =>
      (
        await ask(
          'GET',
          '/v1/cluster/nodes',
          '/cluster/nodes',
          id === undefined ? {} : { headers: { 'client-id': id } },
        )
      ).json();
    assert.equal((await nodes())['client-id'], undefined);
    const first = await nodes('0');
    assert.equal(first['nodes-added'].length, 2);
    const id = String(first['client-id']);
    assert.deepEqual((await nodes(id))['nodes-added'], []);
    const [own, other] = view.nodeList as [MadeUpView['nodeList'][0], MadeUpView['nodeList'][0]];
    view.nodeList = [own, { ...other, ipv4: '192.168.0.3' }];
    const changed = await nodes(id);
    assert.equal(changed['nodes-added'][0]['primary-address'].ipv4.ip, '192.168.0.3');
    assert.equal(changed['nodes-removed'][0]['primary-address'].ipv4.ip, '192.168.0.2');
    assert.equal((await nodes('4711'))['nodes-added'].length, 2);
    assert.equal(changed.self, 'default/node-1');
  });

  it('tells health, whole and in brief, and what a ticket needs', async () => {
    const whole = (await ask('GET', '/v1/healthz', '/healthz')).json();
    assert.equal(whole.ipam.status, 'IPv4: 1/254 allocated from 10.0.0.0/24');
    assert.equal(whole.nodeMonitor.lost, 1);
    const brief = (await ask('GET', '/v1/healthz', '/healthz', { headers: { brief: 'true' } })).json();
    assert.deepEqual(brief, { cilium: { state: 'Ok', msg: 'all is well' } });
    const info = (await ask('GET', '/v1/debuginfo', '/debuginfo')).json();
    assert.equal(info['environment-variables'], undefined);
    assert.equal(info['endpoint-list'].length, 4);
  });

  it('tells and changes the configuration, all of a change or nothing', async () => {
    const patch = (body: unknown) => ask('PATCH', '/v1/config', '/config', { body });
    assert.equal(
      (await patch({ options: { PolicyAuditMode: 'Enabled', MonitorAggregationLevel: 'None' } })).status,
      200,
    );
    assert.equal((await patch({ 'policy-enforcement': 'always' })).status, 200);
    const { spec } = (await ask('GET', '/v1/config', '/config')).json();
    assert.equal(spec.options.PolicyAuditMode, 'Enabled');
    assert.equal(spec.options.MonitorAggregationLevel, 'None');
    assert.equal(spec['policy-enforcement'], 'always');
    const before = view.changes.length;
    for (const wrong of [
      { options: { PolicyAuditMode: 'Disabled', Nothing: 'Enabled' } },
      { options: { PolicyAuditMode: 'perhaps' } },
      { options: { MonitorAggregationLevel: 'constructor' } },
      { options: { toString: 'Enabled' } },
      { 'policy-enforcement': 'sometimes' },
      { policy: 'always' },
      [],
    ])
      assert.equal((await patch(wrong)).status, 400, JSON.stringify(wrong));
    assert.equal(view.changes.length, before);
  });

  it('gives addresses out and takes them back', async () => {
    const given = await ask('POST', '/v1/ipam?family=ipv4&owner=me', '/ipam');
    assert.equal(given.status, 201);
    assert.equal(given.json().address.ipv4, '10.0.0.20');
    assert.equal(given.json().ipv4['expiration-uuid'], undefined);
    const expiring = await ask('POST', '/v1/ipam', '/ipam', { headers: { expiration: 'true' } });
    assert.match(expiring.json().ipv4['expiration-uuid'], /^[0-9a-f-]{36}$/);
    Object.assign(view.ipam, { ipv4Ranges: [] });
    const early = await ask('POST', '/v1/ipam', '/ipam');
    assert.ok(early.json().ipv4.ip, 'asked for also while no range is known');
    Object.assign(view.ipam, { ipv4Ranges: ['10.0.0.0/24'] });
    const failed = await ask('POST', '/v1/ipam?owner=greedy', '/ipam');
    assert.equal(failed.status, 502);
    assert.match(failed.json(), /no address left; add a Pod CIDR/);
    const claim = async (ip: string) => (await ask('POST', `/v1/ipam/${ip}`, '/ipam/{ip}')).status;
    assert.deepEqual(
      [
        await claim('10.0.0.30'),
        await claim('10.0.0.30'),
        await claim('10.1.0.1'),
        await claim('fd00::9'),
        await claim('ten'),
      ],
      [200, 409, 500, 501, 400],
    );
    const release = async (ip: string) => (await ask('DELETE', `/v1/ipam/${ip}`, '/ipam/{ip}')).status;
    assert.deepEqual(
      [await release('10.0.0.30'), await release('10.0.0.30'), await release('10.0.0.17')],
      [200, 404, 500],
    );
    assert.equal(view.addresses.has('10.0.0.17'), true);
  });

  it('lists maps with what should be in them, and one map’s contents', async () => {
    const { maps } = (await ask('GET', '/v1/map', '/map')).json();
    assert.deepEqual(maps[0].cache, [
      { key: '42', value: 'id=17 mac=0200 address4={bytes=01}', 'desired-action': 'ok' },
      { key: '43', value: 'id=18', 'desired-action': 'insert', 'last-error': 'E2BIG' },
    ]);
    assert.equal(maps[1].cache, undefined);
    const large = (await ask('GET', '/v1/map/conntrack4', '/map/{name}')).json();
    assert.equal(large.cache.length, 1200);
    assert.equal(large.cache[1199].key, '1199');
    assert.equal((await ask('GET', '/v1/map/nothing', '/map/{name}')).status, 404);
  });

  it('tells metrics', async () => {
    assert.deepEqual((await ask('GET', '/v1/metrics/', '/metrics/')).json(), [
      { name: 'sluice_x', value: 3, labels: { reason: 'no "way"', d: 'in' } },
      { name: 'sluice_y', value: 1500, labels: {} },
    ]);
  });

  it('streams events: those that were, then those that come, until the client goes', async () => {
    view.flows.receive(record({ length: 1 }));
    view.flows.receive(record({ length: 2, destinationPort: 443 }));
    const lengths = async (query: string) =>
      (await ask('GET', `/v1/monitor?${query}`)).text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line).length);
    assert.deepEqual(await lengths('last=10'), [1, 2]);
    assert.deepEqual(await lengths('last=10&port=443&to=shop%2Fcart-1'), [2]);
    for (const wrong of ['last=x', 'nothing=1', 'type=l7', 'from=%3F'])
      assert.equal((await ask('GET', `/v1/monitor?${wrong}`)).status, 400, wrong);

    const call = request({ socketPath: join(dir, 's'), path: '/v1/monitor?last=1&follow=true&type=policy-verdict' });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const lines = createInterface({ input: response })[Symbol.asyncIterator]();
    assert.equal(JSON.parse((await lines.next()).value as string).length, 2);
    view.flows.receive(record({ length: 3, type: EventType.trace }));
    view.flows.receive(record({ length: 4 }));
    assert.equal(JSON.parse((await lines.next()).value as string).length, 4);
    call.on('error', () => {});
    call.destroy();
  });

  it('is served on a socket of its own, for its owner alone', async () => {
    const socket = join(dir, 'cilium', 'cilium.sock');
    const own = await serveRest(socket, createRest(view, log), log);
    try {
      assert.equal(statSync(socket).mode & 0o777, 0o600);
      const call = request({ socketPath: socket, path: '/v1/healthz', headers: { brief: 'true' } });
      call.end();
      const [response] = (await once(call, 'response')) as [IncomingMessage];
      assert.equal(response.statusCode, 200);
      response.resume();
    } finally {
      await own.close();
    }
  });

  it('leaves other paths to others', async () => {
    assert.equal((await ask('GET', '/v1/status')).text, 'own');
    assert.equal((await ask('GET', '/v1/nothing')).status, 404);
    assert.equal((await ask('GET', '/v1/endpoint/%zz')).status, 404);
    assert.equal((await ask('GET', '/v1/endpoint/')).status, 404);
  });
});
