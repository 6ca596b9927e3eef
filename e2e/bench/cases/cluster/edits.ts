import { pathOf } from '../../../../src/kube/index.ts';
import { type Bench, exactly, figure } from '../../bench.ts';
import { now, pause } from '../../support/clock.ts';
import { numbers, startClusterMesh } from '../../support/cluster/mesh.ts';
import { routeName } from '../../support/cluster/objects.ts';
import { routeHost, serviceName } from '../../support/objects.ts';

const every = 200;

export const clusterEdits: Bench = {
  name: 'cluster-edits',
  about: 'a route of a real cluster edited every 200 ms under load, with 1,000 others',
  async run(context) {
    const [others, edits] = context.quick ? [100, 20] : [1000, 1000];
    const services = 10;
    const mesh = await startClusterMesh(context);
    await mesh.createServices(services);
    await mesh.createRoutes(others + 1, services);
    await mesh.allServed(numbers(others + 1).map(routeHost));
    const load = mesh.load(16, [routeHost(0)]);
    const path = pathOf('HTTPRoute', { namespace: 'default', name: routeName(0) });
    let next = now();
    for (let i = 1; i <= edits; i++) {
      // Another backend each time, and a header of the answer in every other version.
      const filters =
        i % 2 === 0
          ? []
          : [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-edit', value: `${i}` }] } }];
      await mesh.kube.request({
        method: 'PATCH',
        path,
        contentType: 'application/merge-patch+json',
        body: {
          spec: {
            rules: [
              {
                matches: [{ path: { type: 'PathPrefix', value: '/' } }],
                filters,
                backendRefs: [{ name: serviceName(i % services), port: 80 }],
              },
            ],
          },
        },
      });
      next += every;
      await pause(Math.max(0, next - now()));
      if (i % 100 === 0) context.progress(`${i} edits`);
    }
    const result = await load.result();
    const what = `a route edited every ${every} ms, ${edits.toLocaleString('en-US')} times, among ${others.toLocaleString('en-US')} others`;
    return [
      figure(`${what}: answers that are not 200, of ${result.requests.toLocaleString('en-US')}`, result.failed, '', {
        goal: exactly(0),
        peer: 'Istio, kgateway and agentgateway pass such a test; Envoy Gateway, Cilium and NGINX fail it',
      }),
      figure(`${what}: slowest answer`, result.longest, 'ms'),
    ];
  },
};
