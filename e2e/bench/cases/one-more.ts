import { freePort } from '../../support/proxy-rig.ts';
import { atMost, type Bench, type BenchContext, below, exactly, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { now, pause } from '../support/clock.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed, Prober } from '../support/prober.ts';
import { startSluice } from '../support/sluice.ts';
import { median, percentile } from '../support/statistics.ts';
import { YamlFolder } from '../support/yaml-folder.ts';

const address = '127.0.0.1';
/** Added before they are taken away again, so that the number of routes stays about the same. */
const batch = 50;

export const oneMore: Bench = {
  name: 'one-more',
  about: 'one more HTTPRoute on top of 10,000 (and of 100): from the file written to the request served',
  async run(context) {
    const [backend = 0] = await startBackends(context);
    const few = await measure(context, 100, backend);
    const many = await measure(context, 10_000, backend);
    const peers =
      'best peer 10 to 30 ms (agentgateway); Envoy Gateway 1.9.1: p50 280 ms, max 372 ms; Istio mean 212 ms';
    const what = `one more route on top of 10,000, ${many.times.length} times`;
    return [
      figure(`${what}: file written to request served, p50`, median(many.times), 'ms', { goal: below(8), peer: peers }),
      figure(`${what}: p99`, percentile(many.times, 0.99), 'ms', { goal: below(20), peer: peers }),
      figure(`${what}: slowest`, Math.max(...many.times), 'ms', { peer: 'Istio 825 ms; kgateway 237 ms' }),
      figure(`${what}: answers other than 404 and then 200`, many.errors.length, '', {
        goal: exactly(0),
        peer: 'Envoy Gateway: 15,454',
      }),
      figure('one more route on top of 100: p50', median(few.times), 'ms'),
      figure('one more route on top of 100: p99', percentile(few.times, 0.99), 'ms'),
      figure('one more route on top of 100: answers other than 404 and then 200', few.errors.length, '', {
        goal: exactly(0),
      }),
      figure(
        'one more route: p50 on top of 10,000 against on top of 100',
        median(many.times) / median(few.times),
        'x',
        {
          goal: atMost(2),
        },
      ),
      figure(
        'one more route: p99 on top of 10,000 against on top of 100',
        percentile(many.times, 0.99) / percentile(few.times, 0.99),
        'x',
        { goal: atMost(2) },
      ),
    ];
  },
};

async function measure(
  context: BenchContext,
  routes: number,
  backend: number,
): Promise<{ times: number[]; errors: string[] }> {
  const port = await freePort();
  const services = Math.max(1, routes / 10);
  const folder = new YamlFolder(`${context.dir}/on-${routes}`);
  const specs = Array.from({ length: routes }, (_, i) => simpleRoute(i, services));
  folder.fill(port, simpleServices(services, backend), specs, 'a file each');
  const sluice = await startSluice(context, [folder.path], { name: `s-${routes}` });
  await firstServed(address, port, routeHost(routes - 1), { alive: sluice.alive });
  const prober = await Prober.open(address, port);
  const times: number[] = [];
  const errors: string[] = [];
  for (let i = 0; i < (context.quick ? 2 * batch : 1000); i++) {
    // Not in step with any timer of the control plane.
    await pause(Math.random() * 10);
    const route = simpleRoute(routes + i, services);
    const before = now();
    folder.writeRoute(route);
    const result = await prober.until(route.host, 200);
    times.push(result.servedAt - before);
    errors.push(...result.errors);
    if (i % batch !== batch - 1) continue;
    for (let j = i - batch + 1; j <= i; j++) folder.remove(`r${routes + j}.yaml`);
    await prober.until(routeHost(routes + i), 404);
    if ((i + 1) % 200 === 0)
      context.progress(
        `on top of ${routes}, ${i + 1} times: p50 ${median(times).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms, ${errors.length} errors`,
      );
  }
  prober.close();
  await sluice.stop();
  for (const error of new Set(errors)) context.progress(`on top of ${routes}: ${error}`);
  return { times, errors };
}
