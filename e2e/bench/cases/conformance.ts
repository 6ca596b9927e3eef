import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReport, summarize, totals } from '../../conformance/report.ts';
import { type Bench, BenchNotPossible, exactly, figure } from '../bench.ts';

const reports = join(import.meta.dirname, '../../conformance/reports');

/** Figures of the last full run of Gateway API's conformance suite, from the report that it wrote. */
export const conformance: Bench = {
  name: 'conformance',
  about: 'Gateway API conformance: tests passed, extended features claimed (of the committed report)',
  async run() {
    const file = globSync('gateway-*.yaml', { cwd: reports }).sort().at(-1);
    if (file === undefined) throw new BenchNotPossible('there is no report yet: npm run conformance:gateway');
    const report = parseReport(readFileSync(join(reports, file), 'utf8'));
    const profiles = summarize(report);
    const all = totals(profiles);
    const what = `Gateway API conformance ${report.gatewayAPIVersion} (${profiles.map(({ name }) => name).join(', ')})`;
    const peer = 'with the mesh profiles (51 features) Istio 1.31: 47, Cilium 1.20: 42, agentgateway 1.5: 40';
    return [
      figure(`${what}: core tests passed, of ${all.core}`, all.corePassed, '', { goal: exactly(all.core) }),
      figure(`${what}: extended tests passed, of ${all.extended}`, all.extendedPassed, '', {
        goal: exactly(all.extended),
      }),
      figure(`${what}: extended features claimed, of ${all.known} known`, all.claimed, '', {
        goal: exactly(all.known),
        peer,
      }),
      figure(`${what}: tests failed`, all.failedTests, '', { goal: exactly(0) }),
      figure(`${what}: tests skipped`, all.skipped, '', { goal: exactly(0) }),
    ];
  },
};
