import { freePort } from '../../support/proxy-rig.ts';
import { type Bench, below, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed } from '../support/prober.ts';
import { startSluice } from '../support/sluice.ts';
import { YamlFolder } from '../support/yaml-folder.ts';

const routes = 5000;

export const series: Bench = {
  name: 'series',
  about: 'metric time series of the control plane at 5,000 routes',
  async run(context) {
    const [backend = 0] = await startBackends(context);
    const port = await freePort();
    const folder = new YamlFolder(`${context.dir}/objects`);
    const specs = Array.from({ length: routes }, (_, i) => simpleRoute(i, routes));
    folder.fill(port, simpleServices(routes, backend), specs, '100 to a file');
    const sluice = await startSluice(context, [folder.path]);
    await firstServed('127.0.0.1', port, routeHost(routes - 1), { alive: sluice.alive });
    return [
      figure(
        'metric time series of the control plane at 5,000 routes (a Service each)',
        count(await sluice.metrics()),
        '',
        {
          goal: below(1000),
          peer: 'Istio 557; Cilium 341,778; Envoy Gateway 852,418; kgateway 1,710,982',
        },
      ),
    ];
  },
};

/** Samples of the Prometheus text format; a histogram's buckets count one each, as they do in Prometheus. */
function count(text: string): number {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}
