import { freePort } from '../../support/proxy-rig.ts';
import { type Bench, below, exactly, figure } from '../bench.ts';
import { startObjectPlane } from '../support/object-plane.ts';
import { type ServiceSpec, serviceName } from '../support/objects.ts';
import { median, percentile } from '../support/statistics.ts';

const endpoints = 10;

export const endpoint: Bench = {
  name: 'endpoint',
  about: 'one endpoint changed among 10,000 Services of 10 endpoints: to the ACK of Envoy',
  async run(context) {
    const services = context.quick ? 1000 : 10_000;
    const port = await freePort();
    const plane = startObjectPlane(context);
    const specs = Array.from({ length: services }, (_, i) => service(i, 0));
    await plane.ask({ op: 'prepare', port, routes: services, services: specs });
    context.progress(`${services} Services of ${endpoints} endpoints, a route to each`);
    const { envoyReady } = await plane.ask({ op: 'start', stateDir: `${context.dir}/state` });
    context.progress(`Envoy is ready after ${Math.round(envoyReady)} ms`);
    const times: number[] = [];
    let mostSent = 0;
    let leastSent = Number.POSITIVE_INFINITY;
    for (let i = 0; i < (context.quick ? 100 : 1000); i++) {
      // Each time another Service and another endpoint of it.
      const { ms, sent } = await plane.ask({ op: 'set-endpoints', service: service((i * 7919) % services, i + 1) });
      times.push(ms);
      mostSent = Math.max(mostSent, sent);
      leastSent = Math.min(leastSent, sent);
    }
    const what = `one endpoint changed among ${services.toLocaleString('en-US')} Services x ${endpoints} endpoints`;
    const least =
      leastSent === mostSent ? [] : [figure(`${what}: fewest resources sent`, leastSent, '', { goal: exactly(1) })];
    return [
      figure(`${what}: to Envoy's ACK, ${times.length} times, p50`, median(times), 'ms'),
      figure(`${what}: to Envoy's ACK, p99`, percentile(times, 0.99), 'ms', { goal: below(20) }),
      figure(`${what}: slowest`, Math.max(...times), 'ms'),
      figure(`${what}: resources sent for it`, mostSent, '', { goal: exactly(1) }),
      ...least,
    ];
  },
};

/** Service `i`; `change` other than 0 gives one of its endpoints another address. */
function service(i: number, change: number): ServiceSpec {
  return {
    name: serviceName(i),
    endpoints: Array.from({ length: endpoints }, (_, j) => {
      const changed = change > 0 && j === change % endpoints;
      return `127.${changed ? 100 + (change % 100) : 1 + j}.${i >> 8}.${i & 255}:80`;
    }),
  };
}
