// npm run conformance:gateway: Gateway API's conformance suite against Sluice on a testbed of two nodes. `--help` says how.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { linesOf } from '../../cluster/progress.ts';
import { formatSummary, parseReport, summarize } from '../report.ts';
import { installSluice } from '../sluice.ts';
import { openTestbed } from '../testbed.ts';
import { packImages } from './images.ts';
import { buildSuite } from './module.ts';
import { cacheDir, logFile, profiles, runSuite, testsOf } from './run-suite.ts';

const usage = `Usage: npm run conformance:gateway [-- OPTIONS]

Runs the suite of the profiles ${profiles.join(', ')}
with the features that the GatewayClass reports. Exit code: 0 if all tests passed. All that the suite printed is in
.cache/conformance/gateway.log.

  --run TEST     one test only, as HTTPRouteCORS (again for more)
  --record       writes the report to e2e/conformance/reports
  --installed    Sluice is there already: it is not built and installed anew
  --name NAME    of the testbed (conformance); it is brought up when it isn't, and stays up
  --help         this text
`;

const { values } = parseArgs({
  options: {
    run: { type: 'string', multiple: true },
    installed: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    name: { type: 'string', default: 'conformance' },
    help: { type: 'boolean', short: 'h' },
  },
});

if (values.help) process.stdout.write(usage);
else await main();

async function main(): Promise<void> {
  const progress = linesOf((line) => process.stderr.write(line));
  const suite = await progress.step('conformance suite', () => buildSuite((line) => process.stderr.write(`${line}\n`)));
  const unknown = values.run?.find((test) => !testsOf(suite).includes(test));
  if (unknown !== undefined || (values.run !== undefined && values.record)) {
    process.stderr.write(unknown === undefined ? '--record is for all tests\n' : `there is no test ${unknown}\n`);
    process.exitCode = 2;
    return;
  }
  const testbed = await openTestbed(values.name, progress);
  await progress.step('images of the suite', () => testbed.loadImages(packImages(suite, testbed.coredns, cacheDir)));
  if (!values.installed) await installSluice(testbed, { crds: [suite.crds] }, progress);
  const report = join(cacheDir, 'report.yaml');
  const code = await runSuite(suite, testbed, {
    ...(values.run === undefined ? { report } : { only: values.run }),
    onOutcome: ({ test, result, seconds }) => console.log(`${result}  ${test} (${seconds.toFixed(1)} s)`),
  });
  if (values.run === undefined) {
    const text = readFileSync(report, 'utf8');
    console.log(`\n${formatSummary(summarize(parseReport(text)))}`);
    const kept = join(import.meta.dirname, `../reports/gateway-${suite.version}.yaml`);
    if (values.record) writeFileSync(kept, text);
  }
  if (code !== 0) console.log(`\nwhat went wrong is in ${logFile}`);
  testbed.client.close();
  process.exitCode = code;
}
