import { freePort } from '../../support/proxy-rig.ts';
import { atLeast, type Bench, type BenchContext, BenchNotPossible, type Figure, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { startHandEnvoy } from '../support/hand-envoy.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed } from '../support/prober.ts';
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
      const { port: byHand } = await startHandEnvoy(context, `hand-${routes}`, hosts, backend);
      const host = routeHost(routes - 1);
      for (const connections of [1, 16, 512]) {
        const { ratio, rate } = await compare(context, ours.port, byHand, host, connections);
        const setting = `${connections} connection${connections === 1 ? '' : 's'}${routes === 1 ? '' : ', 10,000 routes'}`;
        figures.push(
          figure(`requests/s through our Envoy against one configured by hand, ${setting}`, ratio, 'x', {
            goal: atLeast(0.97),
          }),
          figure(`requests/s through our Envoy, ${setting}`, rate, '/s', { peer: peers }),
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
  return { port, stop: sluice.stop };
}

/** In turns, each pair in the other order: what else the machine does hits both alike. The ratio is the median of the pairs'. */
async function compare(
  context: BenchContext,
  ours: number,
  byHand: number,
  host: string,
  connections: number,
): Promise<{ ratio: number; rate: number }> {
  const [pairs, seconds] = context.quick ? [2, 1] : [11, 3];
  const ratios: number[] = [];
  const rates: number[] = [];
  const measure = async (port: number) => {
    const { requestsPerSecond, errors } = await wrk(port, host, connections, seconds);
    if (errors > 0) throw new BenchNotPossible(`${errors} requests failed at ${connections} connections`);
    return requestsPerSecond;
  };
  for (const port of [ours, byHand]) await wrk(port, host, connections, 1);
  for (let i = 0; i < pairs; i++) {
    const first = await measure(i % 2 === 0 ? ours : byHand);
    const second = await measure(i % 2 === 0 ? byHand : ours);
    const [our, their] = i % 2 === 0 ? [first, second] : [second, first];
    ratios.push(our / their);
    rates.push(our);
    context.progress(`${connections} connections: ours ${Math.round(our)}/s, by hand ${Math.round(their)}/s`);
  }
  return { ratio: median(ratios), rate: median(rates) };
}
