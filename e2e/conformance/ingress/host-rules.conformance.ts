import assert from 'node:assert/strict';
import { certificateSecret, openRig, type Rig } from './rig.ts';

describe('Ingress: rules for hosts', function () {
  this.timeout(180_000);
  let rig: Rig;
  let address: string;

  before(async () => {
    rig = await openRig('ingress-host-rules');
    await rig.serve('exact', 'wildcard');
    await rig.apply(certificateSecret('exact-tls', ['exact.example']));
    await rig.apply(certificateSecret('wildcard-tls', ['*.wild.example']));
    await rig.apply(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: hosts}
spec:
  ingressClassName: cilium
  tls:
    - {hosts: [exact.example], secretName: exact-tls}
    - {hosts: ['*.wild.example'], secretName: wildcard-tls}
  rules:
    - host: exact.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: exact, port: {number: 80}}}}]}
    - host: plain.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: exact, port: {number: 80}}}}]}
    - host: '*.wild.example'
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: wildcard, port: {number: 80}}}}]}
`);
    address = await rig.addressOf('hosts');
    await rig.expect({ address, host: 'exact.example', tls: true }, 'exact');
    await rig.expect({ address, host: 'one.wild.example', tls: true }, 'wildcard');
  });

  after(() => rig?.close());

  it('status has an address that serves ports 80 and 443', async () => {
    await rig.expect({ address, host: 'plain.example' }, 'exact');
    await rig.expect({ address, host: 'exact.example', tls: true }, 'exact');
  });

  it('a host is served with the certificate of its own, chosen by SNI', async () => {
    const { certified, seen } = await rig.expect({ address, host: 'exact.example', path: '/a', tls: true }, 'exact');
    assert.equal(certified, 'DNS:exact.example');
    assert.deepEqual(seen, { host: 'exact.example', path: '/a' });
  });

  it('a wildcard is served with its certificate', async () => {
    const { certified } = await rig.expect({ address, host: 'two.wild.example', tls: true }, 'wildcard');
    assert.equal(certified, 'DNS:*.wild.example');
  });

  for (const host of ['wild.example', 'a.b.wild.example', 'example', 'not-exact.example'])
    it(`no rule takes ${host}: a wildcard is exactly one label`, async () => {
      await rig.expect({ address, host }, 404);
    });

  it('the case of a host does not matter', async () => {
    await rig.expect({ address, host: 'Exact.Example', tls: true }, 'exact');
  });
});
