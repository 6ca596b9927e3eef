import assert from 'node:assert/strict';
import { openRig, type Rig } from './rig.ts';

describe('Ingress: class', function () {
  this.timeout(180_000);
  let rig: Rig;
  let address: string;

  before(async () => {
    rig = await openRig('ingress-class');
    await rig.serve('backend');
    const rule = (host: string): string =>
      `rules: [{host: ${host}, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: backend, port: {number: 80}}}}]}}]`;
    await rig.apply(`
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: of-somebody-else}
spec: {controller: example.com/somebody-else}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: theirs}
spec: {ingressClassName: of-somebody-else, ${rule('theirs.class.example')}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: of-none}
spec: {ingressClassName: of-nobody, ${rule('none.class.example')}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ours}
spec: {ingressClassName: cilium, ${rule('ours.class.example')}}
`);
    address = await rig.addressOf('ours');
    await rig.expect({ address, host: 'ours.class.example' }, 'backend');
  });

  after(async () => {
    await rig?.objects.remove('IngressClass', 'of-somebody-else');
    await rig?.close();
  });

  it('an Ingress of ours is served', async () => {
    await rig.expect({ address, host: 'ours.class.example' }, 'backend');
  });

  for (const [name, host] of [
    ['theirs', 'theirs.class.example'],
    ['of-none', 'none.class.example'],
  ] as const)
    it(`an Ingress of another class is not ours to serve, and its status not ours to write: ${name}`, async () => {
      await rig.expect({ address, host }, 404);
      const { status } =
        (await rig.objects.get<{ status?: { loadBalancer?: object } }>('Ingress', name, rig.namespace)) ?? {};
      assert.deepEqual(status?.loadBalancer ?? {}, {});
    });

  it('an Ingress that is given our class is served from then on', async () => {
    await rig.apply(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: of-none}
spec:
  ingressClassName: cilium
  rules: [{host: none.class.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: backend, port: {number: 80}}}}]}}]
`);
    await rig.expect({ address: await rig.addressOf('of-none'), host: 'none.class.example' }, 'backend');
  });
});
