import { freePort } from '../../support/proxy-rig.ts';
import { type Bench, type BenchContext, below, exactly, type Figure, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { now } from '../support/clock.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed, notServed } from '../support/prober.ts';
import { startSluice } from '../support/sluice.ts';
import { median } from '../support/statistics.ts';
import { type Layout, YamlFolder } from '../support/yaml-folder.ts';

const services = 1000;
const address = '127.0.0.1';

export const routesYaml: Bench = {
  name: 'routes-yaml',
  about: '1,000 and 10,000 HTTPRoutes as YAML: from the start of the process to the last one served',
  async run(context) {
    const [backend = 0] = await startBackends(context);
    const figures: Figure[] = [];
    for (const [routes, limit] of [
      [1000, 1.5],
      [10_000, 4],
    ] as const) {
      for (const layout of ['100 to a file', 'a file each'] as const)
        figures.push(...(await measure(context, routes, layout, limit, backend)));
    }
    return figures;
  },
};

async function measure(
  context: BenchContext,
  routes: number,
  layout: Layout,
  limit: number,
  backend: number,
): Promise<Figure[]> {
  const runs = context.quick ? 1 : 5;
  const label = `${routes}-${layout === 'a file each' ? 'files' : 'bundles'}`;
  const port = await freePort();
  const folder = new YamlFolder(`${context.dir}/${label}`);
  const specs = Array.from({ length: routes }, (_, i) => simpleRoute(i, services));
  folder.fill(port, simpleServices(services, backend), specs, layout);
  const hosts = specs.map(({ host }) => host);
  const times: number[] = [];
  let late = 0;
  for (let i = 0; i < runs; i++) {
    const sluice = await startSluice(context, [folder.path], { name: `s-${label}-${i}` });
    let at = await firstServed(address, port, routeHost(routes - 1), { alive: sluice.alive });
    for (let bad = await notServed(address, port, hosts); bad.length > 0; bad = await notServed(address, port, bad)) {
      late += bad.length;
      at = now();
    }
    times.push((at - sluice.startedAt) / 1000);
    context.progress(`${routes} HTTPRoutes, ${layout}, run ${i + 1} of ${runs}: ${times.at(-1)?.toFixed(2)} s`);
    await sluice.stop();
  }
  const what = `${routes.toLocaleString('en-US')} HTTPRoutes (a host each, 1,000 Services) as YAML, ${layout}`;
  return [
    figure(`${what}: from start to the last one served (median of ${runs})`, median(times), 's', {
      goal: below(limit),
      peer: 'Envoy Gateway 1.9.1: 1,000 routes 7.1 s after the last create; Istio 1,000 attached in 2 s, kgateway 12 s',
    }),
    figure(`${what}: hosts that were not yet served when the last in the folder was`, late, '', { goal: exactly(0) }),
  ];
}
