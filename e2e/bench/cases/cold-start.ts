import { join } from 'node:path';
import { type Bench, below, figure } from '../bench.ts';
import { now } from '../support/clock.ts';
import { firstServed, notServed } from '../support/prober.ts';
import { startSluice } from '../support/sluice.ts';
import { median } from '../support/statistics.ts';

const quickstart = join(import.meta.dirname, '../../../examples/quickstart');
const host = 'www.localhost';

export const coldStart: Bench = {
  name: 'cold-start',
  about: 'bin/sluice run examples/quickstart: from the start of the process to the first request served',
  async run(context) {
    const runs = context.quick ? 3 : 11;
    const first: number[] = [];
    const idle: number[] = [];
    for (let i = 0; i < runs; i++) {
      const sluice = await startSluice(context, [quickstart], { name: `state-${i}` });
      const at = await firstServed('127.0.0.1', sluice.httpPort, host, { alive: sluice.alive });
      first.push((at - sluice.startedAt) / 1000);
      const bad = await notServed('127.0.0.1', sluice.httpPort, [host]);
      if (bad.length > 0) throw new Error(`served once, then not: ${bad}`);
      const before = now();
      await sluice.stop();
      idle.push((now() - before) / 1000);
      context.progress(`run ${i + 1} of ${runs}: ${first.at(-1)?.toFixed(3)} s`);
    }
    return [
      figure(`cold start to the first request served, quickstart (median of ${runs})`, median(first), 's', {
        goal: below(1.5),
      }),
      figure('the same, slowest run', Math.max(...first), 's'),
      figure('Ctrl-C to the end of all processes, without drain (median)', median(idle), 's'),
    ];
  },
};
