import assert from 'node:assert/strict';
import type { MadeUpView } from './testing/made-up-view.ts';
import { type AskRest, startRestRig } from './testing/rest-rig.ts';

describe('REST API: policies', () => {
  let view: MadeUpView;
  let ask: AskRest;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    ({ view, ask, stop } = await startRestRig());
  });
  afterEach(() => stop());

  it('tells rules with the labels of their objects, and finds them by these', async () => {
    const { json } = await ask('GET', '/v1/policy', '/policy');
    assert.equal(json().revision, 7);
    assert.equal(JSON.parse(json().policy).length, 2);
    const found = await ask('GET', '/v1/policy', '/policy', { body: ['k8s:io.cilium.k8s.policy.name=web'] });
    const [rule] = JSON.parse(found.json().policy);
    assert.deepEqual(rule.labels[1], { key: 'io.cilium.k8s.policy.name', value: 'web', source: 'k8s' });
    assert.equal((await ask('GET', '/v1/policy', '/policy', { body: ['x=y'] })).status, 404);
    assert.deepEqual((await ask('GET', '/v1/policy/selectors', '/policy/selectors')).json()[0].identities, [301]);
  });

  it('takes rules of its own, as a list or as a text that holds one, and gives them back by their labels', async () => {
    const rule = (name: string) => ({
      endpointSelector: { matchLabels: { app: name } },
      ingressDeny: [{ fromEntities: ['world'] }],
      labels: [{ key: 'name', value: name }],
    });
    const put = (body: unknown) => ask('PUT', '/v1/policy', '/policy', { body });
    const names = (answer: { json(): { policy: string } }) =>
      JSON.parse(answer.json().policy).map(({ labels }: { labels: { value: string }[] }) => labels[0]?.value);
    assert.deepEqual(names(await put([rule('a'), rule('b')])), ['a', 'b']);
    const listed = await put(JSON.stringify([rule('c')]));
    assert.deepEqual(names(listed), ['c']);
    const [{ labels }] = JSON.parse(listed.json().policy);
    assert.deepEqual(labels, [
      { source: 'unspec', key: 'name', value: 'c' },
      { source: 'sluice', key: 'policy', value: 'local-3' },
    ]);
    assert.deepEqual(names(await put(JSON.parse(listed.json().policy))), ['c', 'c'], 'what was listed may come back');
    const get = (body: unknown) => ask('GET', '/v1/policy', '/policy', { body });
    assert.deepEqual(names(await get(['name=a'])), ['a']);
    const remove = (body?: unknown) => ask('DELETE', '/v1/policy', '/policy', body === undefined ? {} : { body });
    assert.equal(names(await remove(['unspec:name=a'])).length, 5);
    assert.equal((await remove(['name=a'])).status, 404);
    assert.equal(names(await remove(['sluice:policy=local-2'])).length, 4);
    const ofObject = await remove(['k8s:io.cilium.k8s.policy.name=web']);
    assert.equal(ofObject.status, 400);
    assert.match(ofObject.json(), /CiliumNetworkPolicy shop\/web: delete the object/);
    assert.deepEqual(names(await remove()).length, 2, 'those of objects stay');
  });

  it('refuses rules, each by the name of the field that is wrong, and takes none of the list then', async () => {
    const good = { endpointSelector: {}, ingress: [{}] };
    for (const [wrong, field] of [
      [[good, { endpointSelector: {}, ingress: [{ fromCIDR: ['10.0.0.0/40'] }] }], '[1].ingress[0].fromCIDR[0]'],
      [[good, { endpointSelector: {}, egress: [{ toPort: [] }] }], '[1].egress[0].toPort'],
      [[good, { ingress: [] }], '[1]'],
      [good, 'the object'],
      ['[', 'the body'],
      [7, 'the object'],
    ] as const) {
      const { status, json } = await ask('PUT', '/v1/policy', '/policy', { body: wrong });
      assert.equal(status, 400, field);
      assert.ok(json().includes(field), json());
    }
    assert.equal(view.policy().rules.length, 2);
  });

  it('traces, and says which rule decides', async () => {
    const trace = (to: string, extra = {}) =>
      ask('GET', '/v1/policy/resolve', '/policy/resolve', {
        body: {
          from: { labels: ['k8s:app=cart'] },
          to: { labels: [to], dports: [{ port: 8080, protocol: 'TCP' }] },
          ...extra,
        },
      });
    const allowed = (await trace('k8s:app=web')).json();
    assert.equal(allowed.verdict, 'allowed');
    assert.match(allowed.log, /ingress 8080\/TCP: allowed by shop\/web ingress\[0\]\.toPorts\[0\]/);
    assert.doesNotMatch(allowed.log, /other\/deny/);
    assert.match((await trace('k8s:app=web', { verbose: true })).json().log, /other\/deny: does not select it/);
    const denied = (await trace('k8s:app=db')).json();
    assert.equal(denied.verdict, 'denied');
    assert.doesNotMatch(denied.log, /verdict/, 'clients print it');
    for (const [body, field] of [
      [{}, 'from is missing'],
      [{ from: { labels: [] }, to: { labels: ['a=b'] } }, 'from.labels'],
      [{ from: { labels: ['a=b'] }, to: { labels: ['a=b'], dports: {} } }, 'to.dports'],
      [{ from: { labels: ['a=b'] }, to: { labels: ['a=b'], dports: [{ protocol: 'tcpp' }] } }, 'to.dports[0].protocol'],
      [{ from: { labels: ['a=b'] }, to: { labels: ['a=b'], dports: [{ protocol: 'TCP' }] } }, 'dports has a number'],
    ] as const) {
      const wrong = await ask('GET', '/v1/policy/resolve', undefined, { body });
      assert.equal(wrong.status, 400, field);
      assert.ok(wrong.json().includes(field), wrong.json());
    }
  });
});
