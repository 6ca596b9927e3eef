import { freePort } from '../../support/proxy-rig.ts';
import { type Bench, below, exactly, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { now } from '../support/clock.ts';
import { startObjectPlane } from '../support/object-plane.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed, notServed, Prober } from '../support/prober.ts';
import { residentMB } from '../support/process.ts';
import { median, percentile } from '../support/statistics.ts';

const address = '127.0.0.1';
const services = 1000;

export const routesObjects: Bench = {
  name: 'routes-objects',
  about: '100,000 routes given as objects: to the last one served, and one more',
  async run(context) {
    const routes = context.quick ? 20_000 : 100_000;
    const [backend = 0] = await startBackends(context);
    const port = await freePort();
    const plane = startObjectPlane(context);
    const { objects } = await plane.ask({ op: 'prepare', port, routes, services: simpleServices(services, backend) });
    context.progress(`${objects} objects made`);

    const served = firstServed(address, port, routeHost(routes - 1));
    const started = await plane.ask({ op: 'start', stateDir: `${context.dir}/state` });
    let at = await served;
    const hosts = Array.from({ length: routes }, (_, i) => routeHost(i));
    let late = 0;
    for (let bad = await notServed(address, port, hosts); bad.length > 0; bad = await notServed(address, port, bad)) {
      late += bad.length;
      at = now();
    }
    context.progress(
      `served after ${Math.round(at - started.startedAt)} ms: stored ${Math.round(started.stored)}, translated ` +
        `${Math.round(started.translated)}, Envoy ready ${Math.round(started.envoyReady)}; every host checked, ${late} late`,
    );

    const prober = await Prober.open(address, port);
    context.defer(() => prober.close());
    const times: number[] = [];
    const errors: string[] = [];
    for (let i = 0; i < (context.quick ? 50 : 400); i++) {
      const route = simpleRoute(routes + i, services);
      const { at: writtenAt } = await plane.ask({ op: 'set-route', route });
      const result = await prober.until(route.host, 200);
      times.push(result.servedAt - writtenAt);
      errors.push(...result.errors);
      if (i % 50 === 49) context.progress(`one more, ${i + 1} times: p50 ${median(times).toFixed(1)} ms`);
    }
    const memory = residentMB(plane.pid);
    const what = `${routes.toLocaleString('en-US')} routes given as objects`;
    return [
      figure(`${what}: to the last one served`, (at - started.startedAt) / 1000, 's', { goal: below(6) }),
      figure(`${what}: of that, to translated and encoded`, started.translated / 1000, 's'),
      figure(`${what}: hosts that were not yet served when the last was`, late, '', { goal: exactly(0) }),
      figure(`${what}: one more, ${times.length} times, p50`, median(times), 'ms'),
      figure(`${what}: one more, ${times.length} times, p99`, percentile(times, 0.99), 'ms', { goal: below(20) }),
      figure(`${what}: one more, answers other than 404 and then 200`, errors.length, '', { goal: exactly(0) }),
      figure(`${what}: control plane memory (RSS)`, memory, 'MB'),
    ];
  },
};
