import { openRig, type Rig } from './rig.ts';

describe('Ingress: default backend', function () {
  this.timeout(180_000);
  let rig: Rig;
  let address: string;

  before(async () => {
    rig = await openRig('ingress-default-backend');
    await rig.serve('everything', 'shop');
    await rig.apply(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: catch-all}
spec:
  ingressClassName: cilium
  defaultBackend: {service: {name: everything, port: {number: 80}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: with-rules}
spec:
  ingressClassName: cilium
  rules:
    - host: shop.example
      http: {paths: [{path: /cart, pathType: Prefix, backend: {service: {name: shop, port: {name: http}}}}]}
`);
    address = await rig.addressOf('catch-all');
  });

  after(() => rig?.close());

  for (const [host, path] of [
    ['whatever.example', '/'],
    ['whatever.example', '/deep/down?query=1'],
    ['another.one.example', '/'],
  ] as const)
    it(`takes what no rule takes: ${host}${path}`, async () => {
      await rig.expect({ address, host, path }, 'everything');
    });

  it('leaves to rules what they take', async () => {
    await rig.expect({ address: await rig.addressOf('with-rules'), host: 'shop.example', path: '/cart/1' }, 'shop');
  });
});
