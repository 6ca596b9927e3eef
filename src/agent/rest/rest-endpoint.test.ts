import assert from 'node:assert/strict';
import type { MadeUpView } from './testing/made-up-view.ts';
import { type AskRest, startRestRig } from './testing/rest-rig.ts';

/** As Cilium's CNI plugin of 1.12 sends it. */
const request = {
  addressing: { ipv4: '10.0.0.20', 'ipv4-expiration-uuid': 'ad1b2c30-0000-4000-8000-000000000001', ipv6: 'fd00:0::14' },
  'container-id': 'c0ffee20',
  'datapath-configuration': { 'require-routing': null },
  'host-mac': '02:00:00:00:00:01',
  'interface-index': 44,
  'interface-name': 'lxc20',
  'k8s-namespace': 'shop',
  'k8s-pod-name': 'late-1',
  labels: [],
  mac: '02:00:00:00:00:AA',
  state: 'waiting-for-identity',
  'sync-build-endpoint': true,
};

describe('REST API: changes of endpoints', () => {
  let view: MadeUpView;
  let ask: AskRest;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    ({ view, ask, stop } = await startRestRig());
  });
  afterEach(() => stop());

  const put = (body: unknown, id = '0') => ask('PUT', `/v1/endpoint/${id}`, '/endpoint/{id}', { body });

  it('makes one of what Cilium’s plugin sends', async () => {
    assert.equal((await put(request, 'cilium-local:0')).status, 201);
    assert.deepEqual(view.endpointCalls, [
      [
        'create',
        {
          id: 0,
          containerId: 'c0ffee20',
          labels: [],
          interfaceName: 'lxc20',
          interfaceIndex: 44,
          mac: '02:00:00:00:00:aa',
          hostMac: '02:00:00:00:00:01',
          ipv4: { address: '10.0.0.20', expirationId: 'ad1b2c30-0000-4000-8000-000000000001' },
          ipv6: { address: 'fd00::14' },
          pod: { namespace: 'shop', name: 'late-1' },
        },
      ],
    ]);
    assert.equal((await put({ ...request, id: 21 }, '21')).status, 201);
  });

  it('refuses what is wrong, each by the name of its field', async () => {
    const { mac: _, ...noMac } = request;
    for (const [wrong, field] of [
      [{ ...request, state: undefined }, 'state is missing'],
      [{ ...request, state: 'asleep' }, 'state is "asleep"'],
      [{ ...request, addressing: { ipv4: 'fd00::1' } }, 'addressing.ipv4 is "fd00::1"'],
      [{ ...request, mac: '02:00' }, 'mac is "02:00"'],
      [{ ...request, 'interface-index': '44' }, 'interface-index is'],
      [{ ...request, labels: ['k8s:app=web', 'reserved:host'] }, 'labels[1] is "reserved:host"'],
      [{ ...request, labels: ['k8s:quarantine=a/b'] }, 'labels[0] is "k8s:quarantine=a/b"'],
      [{ ...request, labels: ['app=a=b'] }, 'labels[0] is "app=a=b"'],
      [{ ...request, labels: ['k8s:a/b/c=d'] }, 'labels[0] is "k8s:a/b/c=d"'],
      [{ ...request, labels: [`app=${'x'.repeat(64)}`] }, 'labels[0] is "app=x'],
      [{ ...request, 'k8s-namespace': '' }, 'k8s-pod-name and k8s-namespace'],
      [{ ...request, 'k8s-namespace': '../../etc' }, 'k8s-namespace is "../../etc"'],
      [{ ...request, 'k8s-namespace': 'a.b' }, 'k8s-namespace is "a.b"'],
      [{ ...request, 'k8s-pod-name': 'web/../x' }, 'k8s-pod-name is "web/../x"'],
      [{ ...request, 'datapath-configuration': { 'external-ipam': 7 } }, 'datapath-configuration.external-ipam is'],
      [{ ...request, adressing: {} }, 'did you mean addressing?'],
      [{ ...request, id: 5 }, 'id is 5'],
      [noMac, 'mac is missing'],
      [[], 'the object'],
      [undefined, 'the body is missing'],
    ] as const) {
      const { status, json } = await put(wrong, '7');
      assert.equal(status, 400, field);
      assert.ok(json().includes(field), `${json()}: ${field}`);
    }
    for (const id of ['pod-name:shop:web-1', 'x', '70000']) assert.equal((await put(request, id)).status, 400, id);
    assert.equal((await put({ ...request, 'interface-name': 'lxc17' })).status, 409);
    assert.deepEqual(view.endpointCalls, []);
  });

  it('changes and removes one, by any of its names', async () => {
    const patch = (id: string, body: unknown) => ask('PATCH', `/v1/endpoint/${id}`, '/endpoint/{id}', { body });
    assert.equal((await patch('pod-name:shop:cart-1', { state: 'ready', mac: request.mac })).status, 200);
    assert.deepEqual(view.endpointCalls, [['change', 18, { id: 0, mac: '02:00:00:00:00:aa' }]]);
    assert.equal((await patch('99', request)).status, 404);
    assert.equal((await patch('18', {})).status, 400);
    const remove = (id: string) => ask('DELETE', `/v1/endpoint/${id}`, '/endpoint/{id}');
    assert.equal((await remove('ipv4:10.0.0.18')).status, 200);
    assert.deepEqual(view.endpointCalls.at(-1), ['remove', 18]);
    const partly = await remove('19');
    assert.deepEqual([partly.status, partly.json()], [206, 1], 'with the number of what went wrong');
    assert.equal((await remove('container-id:none')).status, 404);
    const refused = await remove('17');
    assert.equal(refused.status, 400);
    assert.equal(refused.json(), 'endpoint 17 is one of the CNI plugin; delete its pod');
  });

  it('gives one labels and options', async () => {
    const labels = (body: unknown) => ask('PATCH', '/v1/endpoint/17/labels', '/endpoint/{id}/labels', { body });
    assert.equal((await labels({ user: ['tier=front', 'k8s:x='] })).status, 200);
    const wrong = await labels({ user: ['reserved:host'] });
    assert.equal(wrong.status, 500, 'the description has no 400 for it');
    assert.match(wrong.json(), /^user\[0\] is "reserved:host"/);
    const config = (body: unknown) => ask('PATCH', '/v1/endpoint/17/config', '/endpoint/{id}/config', { body });
    assert.equal((await config({ options: { PolicyAuditMode: 'Enabled' } })).status, 200);
    assert.equal((await config({ 'label-configuration': { user: [] } })).status, 200);
    assert.deepEqual(view.endpointCalls, [
      ['labels', 17, ['tier=front', 'k8s:x=']],
      ['audit', 17, true],
      ['labels', 17, []],
    ]);
    for (const body of [{ options: { Debug: 'Enabled' } }, { options: { PolicyAuditMode: 'perhaps' } }, { option: {} }])
      assert.equal((await config(body)).status, 400, JSON.stringify(body));
    assert.equal((await ask('PATCH', '/v1/endpoint/99/config', '/endpoint/{id}/config', { body: {} })).status, 404);
    assert.equal(view.endpointCalls.length, 3);
  });
});
