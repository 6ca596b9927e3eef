import { join } from 'node:path';
import { pino } from 'pino';
import type { Resource } from '../../../src/mesh/envoy/resource.ts';
import { Envoy } from '../../../src/proxy/index.ts';
import { ResourceCache, serveXds } from '../../../src/xds/index.ts';
import { cluster, endpoints, routeTable, scope, virtualHost } from '../../../src/xds/testing/resources.ts';
import { freePort } from '../../support/proxy-rig.ts';
import { scopedListener } from '../../support/xds-rig.ts';
import { type Bench, below, figure } from '../bench.ts';
import { median, percentile } from '../support/statistics.ts';

const clusters = 10_000;
const tables = 2048;
const hostsPerTable = 5;

export const xds: Bench = {
  name: 'xds',
  about: `one resource changed in a real Envoy that has ${clusters} clusters and ${tables} route tables`,
  async run(context) {
    const rounds = context.quick ? 50 : 1000;
    const cache = new ResourceCache();
    const set: Resource[] = [scopedListener(await freePort())];
    for (let i = 0; i < clusters; i++) set.push(cluster(`c${i}`), endpoints(`c${i}`, 1000 + (i % 1000)));
    for (let i = 0; i < tables; i++) set.push(scope(`s${i}`, `t${i}`), table(i, 'first'));
    cache.apply({ set });
    const path = join(context.dir, 'xds.sock');
    const log = pino({ level: 'silent' });
    const server = await serveXds({ cache, log, unix: path, answerTimeout: 60_000 });
    context.defer(() => server.close());
    const envoy = new Envoy({
      stateDir: join(context.dir, 'envoy'),
      bootstrap: { node: { id: 'bench', cluster: 'sluice' }, xdsSocket: path },
      logger: log,
      concurrency: 1,
      stdout: 'ignore',
      drainTime: 0,
    });
    context.defer(() => envoy.stop());
    const started = performance.now();
    await envoy.start(context.signal);
    await server.waitAcked(cache.sequence);
    const initial = performance.now() - started;
    context.progress(`Envoy has ${set.length} resources`);

    const measure = async (change: (round: number) => readonly Resource[]) => {
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const resources = change(round);
        const from = performance.now();
        await server.waitAcked(cache.apply({ set: resources }));
        times.push(performance.now() - from);
      }
      return times;
    };
    const route = await measure((round) => [table(round % tables, `v${round}`)]);
    const endpoint = await measure((round) => [endpoints(`c${round}`, 2000 + round)]);
    const both = await measure((round) => [
      ...[cluster(`new${round}`), endpoints(`new${round}`, 2000)],
      routeTable(`t${round % tables}`, [virtualHost('new.test', `new${round}`)]),
    ]);
    const load = `with ${clusters.toLocaleString('en-US')} clusters, ${tables.toLocaleString('en-US')} tables`;
    return [
      figure(`Envoy's start to its last ACK, ${load}`, initial, 'ms'),
      figure(`a route table of ${hostsPerTable} hosts, change to ACK, ${load}, p50`, median(route), 'ms'),
      figure('the same, p99', percentile(route, 0.99), 'ms', { goal: below(20) }),
      figure(`endpoints of one cluster, change to ACK, ${load}, p50`, median(endpoint), 'ms'),
      figure('the same, p99', percentile(endpoint, 0.99), 'ms', { goal: below(20) }),
      figure(`a new cluster and the table that names it, change to last ACK, ${load}, p50`, median(both), 'ms'),
      figure('the same, p99', percentile(both, 0.99), 'ms'),
      figure('resident memory of the process that serves them', process.memoryUsage.rss() / 1e6, 'MB'),
    ];
  },
};

function table(index: number, regex: string): Resource {
  return routeTable(
    `t${index}`,
    Array.from({ length: hostsPerTable }, (_, i) => {
      const host = index * hostsPerTable + i;
      return virtualHost(`h${host}.test`, `c${host % clusters}`, regex);
    }),
  );
}
