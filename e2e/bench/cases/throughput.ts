import { freePort } from '../../support/proxy-rig.ts';
import { atLeast, type Bench, type BenchContext, BenchNotPossible, type Figure, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { startHandEnvoy } from '../support/hand-envoy.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed } from '../support/prober.ts';
import { cpuTime } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';
import { median } from '../support/statistics.ts';
import { wrk } from '../support/wrk.ts';
import { YamlFolder } from '../support/yaml-folder.ts';

const address = '127.0.0.1';
const peers = 'requests/s on 16 cores at 1/16/512: kgateway 37k/170k/401k, Istio 29k/130k/328k, Cilium 20k/19k/22k';

export const throughput: Bench = {
  name: 'throughput',
  about: 'requests a second through our Envoy against the same Envoy configured by hand, in turns',
  async run(context) {
    const [backend = 0] = await startBackends(context);
    const figures: Figure[] = [];
    for (const routes of [1, 10_000]) {
      const ours = await startOurs(context, routes, backend);
      const hosts = Array.from({ length: routes }, (_, i) => routeHost(i));
      const byHand = await startHandEnvoy(context, `hand-${routes}`, hosts, backend);
      const host = routeHost(routes - 1);
      for (const connections of [1, 16, 512]) {
        const { rateRatio, cpuRatio, rate, cpu } = await compare(context, ours, byHand, host, connections);
        const setting = `${connections} connection${connections === 1 ? '' : 's'}${routes === 1 ? '' : ', 10,000 routes'}`;
        figures.push(
          figure(`requests/s through our Envoy against one configured by hand, ${setting}`, rateRatio, 'x', {
            goal: atLeast(0.97),
          }),
          figure(`requests/s through our Envoy, ${setting}`, rate, '/s', { peer: peers }),
          figure(`CPU of our Envoy for a request, ${setting}`, cpu, 'us'),
          figure(`CPU of our Envoy for a request against one configured by hand, ${setting}`, cpuRatio, 'x'),
        );
      }
      await ours.stop();
    }
    return figures;
  },
};

async function startOurs(context: BenchContext, routes: number, backend: number) {
  const port = await freePort();
  const folder = new YamlFolder(`${context.dir}/objects-${routes}`);
  const specs = Array.from({ length: routes }, (_, i) => simpleRoute(i, 1));
  folder.fill(port, simpleServices(1, backend), specs, '100 to a file');
  const sluice = await startSluice(context, [folder.path], { name: `s-${routes}` });
  await firstServed(address, port, routeHost(routes - 1), { alive: sluice.alive });
  return { port, pid: (await sluice.status()).envoy.pid!, stop: sluice.stop };
}

interface Proxy {
  readonly port: number;
  readonly pid: number;
}

interface Comparison {
  /** Ours against the other's, medians of the pairs' ratios. */
  readonly rateRatio: number;
  readonly cpuRatio: number;
  /** Ours. */
  readonly rate: number;
  /** us of Envoy's CPU for a request through ours. */
  readonly cpu: number;
}

/** In turns, each pair in the other order: what else the machine does hits both alike. */
async function compare(
  context: BenchContext,
  ours: Proxy,
  byHand: Proxy,
  host: string,
  connections: number,
): Promise<Comparison> {
  // Short and many: a burst of something else then spoils a few pairs, not the median.
  const [pairs, seconds] = context.quick ? [3, 1] : [25, 1];
  const measure = async ({ port, pid }: Proxy, time = seconds) => {
    const before = cpuTime(pid);
    const { requestsPerSecond, errors } = await wrk(port, host, connections, time);
    if (errors > 0) throw new BenchNotPossible(`${errors} requests failed at ${connections} connections`);
    return { rate: requestsPerSecond, cpu: ((cpuTime(pid) - before) * 1000) / (requestsPerSecond * time) };
  };
  for (const proxy of [ours, byHand]) await measure(proxy, 1);
  const found: { our: Awaited<ReturnType<typeof measure>>; their: Awaited<ReturnType<typeof measure>> }[] = [];
  for (let i = 0; i < pairs; i++) {
    const first = await measure(i % 2 === 0 ? ours : byHand);
    const second = await measure(i % 2 === 0 ? byHand : ours);
    const [our, their] = i % 2 === 0 ? [first, second] : [second, first];
    found.push({ our, their });
    const text = ({ rate, cpu }: typeof our) => `${Math.round(rate)}/s, ${cpu.toFixed(1)} us CPU each`;
    context.progress(`${connections} connections: ours ${text(our)}; by hand ${text(their)}`);
  }
  return {
    rateRatio: median(found.map(({ our, their }) => our.rate / their.rate)),
    cpuRatio: median(found.map(({ our, their }) => our.cpu / their.cpu)),
    rate: median(found.map(({ our }) => our.rate)),
    cpu: median(found.map(({ our }) => our.cpu)),
  };
}
