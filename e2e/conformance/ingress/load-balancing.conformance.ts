import assert from 'node:assert/strict';
import { until } from '../../support/until.ts';
import { exchange } from '../support/exchange.ts';
import { isFrom, openRig, type Rig } from './rig.ts';

describe('Ingress: load balancing', function () {
  this.timeout(240_000);
  const [replicas, requests] = [10, 100];
  let rig: Rig;

  before(async () => {
    rig = await openRig('ingress-load-balancing');
    await rig.serve({ name: 'many', replicas });
    await rig.apply(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: balanced}
spec:
  ingressClassName: cilium
  rules:
    - host: balanced.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: many, port: {number: 80}}}}]}
`);
  });

  after(() => rig?.close());

  it(`${requests} requests reach all of ${replicas} replicas, and none is lost`, async () => {
    const call = { address: await rig.addressOf('balanced'), host: 'balanced.example' };
    await rig.expect(call, 'many');
    // The last replicas may have become ready this moment; the count is of one round in which all of them are known.
    await until(
      `each of ${replicas} pods to answer some of ${requests} requests`,
      async () => {
        const answers = await Promise.all(Array.from({ length: requests }, () => exchange(call)));
        for (const answer of answers) assert.ok(isFrom(answer, 'many'), JSON.stringify(answer));
        return new Set(answers.map(({ pod }) => pod)).size === replicas;
      },
      60_000,
    );
  });
});
