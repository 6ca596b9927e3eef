import { type Bench, below, exactly, type Figure, figure } from '../../bench.ts';
import { now } from '../../support/clock.ts';
import { numbers, startClusterMesh } from '../../support/cluster/mesh.ts';
import { create, remove, route, routeName } from '../../support/cluster/objects.ts';
import { routeHost } from '../../support/objects.ts';
import { median, percentile } from '../../support/statistics.ts';

const peer =
  'Envoy Gateway 1.9.1 on such a machine: p50 280 ms; agentgateway 10 to 30 ms, Istio mean 212 ms on 16 cores';
const timeout = 30_000;

export const clusterOneMore: Bench = {
  name: 'cluster-one-more',
  about: 'one HTTPRoute more in a real cluster, among 1,000 and among 5,000: create returned to served',
  async run(context) {
    const services = context.quick ? 100 : 1000;
    const times = context.quick ? 20 : 300;
    const mesh = await startClusterMesh(context);
    const { kube, address, port, prober } = mesh;
    await mesh.createServices(services);
    const figures: Figure[] = [];
    let routes = 0;
    for (const base of context.quick ? [100, 500] : [1000, 5000]) {
      await mesh.createRoutes(base - routes, services, routes);
      routes = base;
      await mesh.allServed(numbers(routes).map(routeHost));
      const took: number[] = [];
      const errors: string[] = [];
      for (let i = 0; i < times; i++) {
        const number = 1_000_000 + i;
        const host = routeHost(number);
        const probed = prober.ask({ op: 'until', address, port, host, wanted: 200, timeout });
        await create(kube, 'HTTPRoute', route(number, services));
        const createdAt = now();
        const result = await probed;
        took.push(Math.max(0, result.servedAt - createdAt));
        errors.push(...result.errors);
        await remove(kube, 'HTTPRoute', routeName(number));
        await prober.ask({ op: 'until', address, port, host, wanted: 404, timeout });
        if (i % 50 === 49) context.progress(`among ${base}, ${i + 1} times: p50 ${median(took).toFixed(1)} ms`);
      }
      const what = `one HTTPRoute created among ${base.toLocaleString('en-US')}, ${times} times: create returned to served`;
      figures.push(
        figure(`${what}, p50`, median(took), 'ms', { goal: below(15), peer }),
        figure(`${what}, p99`, percentile(took, 0.99), 'ms', { goal: below(40), peer }),
        figure(`${what}, answers other than 404 and then 200`, errors.length, '', { goal: exactly(0) }),
      );
    }
    return figures;
  },
};
