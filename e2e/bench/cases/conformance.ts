import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { parseReport, summarize, totals } from '../../conformance/report.ts';
import { type Bench, BenchNotPossible, exactly, type Figure, figure } from '../bench.ts';

const reports = join(import.meta.dirname, '../../conformance/reports');

/** As `e2e/conformance/ingress/reporter.mjs` writes it. */
interface IngressReport {
  readonly kubernetes: string;
  readonly mode: string;
  readonly groups: readonly Readonly<Record<'passed' | 'failed' | 'skipped', readonly string[]>>[];
}

/** Figures of the last full runs of Gateway API's conformance suite and of ours for Ingress, from the reports that they wrote. */
export const conformance: Bench = {
  name: 'conformance',
  about: 'Conformance of Gateway API and Ingress: tests passed, features claimed (of the committed reports)',
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
      ...ingressFigures(),
    ];
  },
};

function ingressFigures(): Figure[] {
  return globSync('ingress-*.yaml', { cwd: reports })
    .sort()
    .map((file) => {
      const { kubernetes, mode, groups } = load(readFileSync(join(reports, file), 'utf8')) as IngressReport;
      const passed = groups.flatMap((group) => group.passed).length;
      const all = passed + groups.flatMap(({ failed, skipped }) => [...failed, ...skipped]).length;
      return figure(
        `Ingress conformance, Kubernetes ${kubernetes}, ${mode} addresses: tests passed, of ${all}`,
        passed,
        '',
        {
          goal: exactly(all),
        },
      );
    });
}
