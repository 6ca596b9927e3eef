// npm run conformance:gateway: Gateway API's conformance suite against Sluice on a testbed of two nodes. `--help` says how.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { linesOf } from '../../cluster/progress.ts';
import { formatSummary, parseReport, summarize } from '../report.ts';
import { installSluice } from '../sluice.ts';
import { openTestbed, type Testbed } from '../testbed.ts';
import { packImages } from './images.ts';
import { buildSuite, type Suite } from './module.ts';
import { parseOutcome } from './test-output.ts';

const usage = `Usage: npm run conformance:gateway [-- OPTIONS]

Runs the suite of the profiles ${'GATEWAY-HTTP, -GRPC, -TLS, -TCP and -UDP'} with the features that the GatewayClass reports.
Exit code: 0 if all tests passed. All that the suite printed is in .cache/conformance/gateway.log.

  --run TEST     one test only, as HTTPRouteCORS; no report
  --record       writes the report to e2e/conformance/reports
  --installed    Sluice is there already: it is not built and installed anew
  --name NAME    of the testbed (conformance); it is brought up when it isn't, and stays up
  --help         this text
`;

const { values } = parseArgs({
  options: {
    run: { type: 'string' },
    installed: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    name: { type: 'string', default: 'conformance' },
    help: { type: 'boolean', short: 'h' },
  },
});

const root = join(import.meta.dirname, '../../..');
const cache = join(root, '.cache/conformance');
const profiles = ['GATEWAY-HTTP', 'GATEWAY-GRPC', 'GATEWAY-TLS', 'GATEWAY-TCP', 'GATEWAY-UDP'];

if (values.help) process.stdout.write(usage);
else await main();

async function main(): Promise<void> {
  const progress = linesOf((line) => process.stderr.write(line));
  const suite = await progress.step('conformance suite', () => buildSuite((line) => process.stderr.write(`${line}\n`)));
  const testbed = await openTestbed(values.name, progress);
  await progress.step('images of the suite', () => testbed.loadImages(packImages(suite, testbed.coredns, cache)));
  if (!values.installed) await installSluice(testbed, { crds: [suite.crds] }, progress);
  process.exitCode = await runSuite(suite, testbed);
}

async function runSuite(suite: Suite, testbed: Testbed): Promise<number> {
  const log = join(cache, 'gateway.log');
  const written = join(cache, 'report.yaml');
  mkdirSync(cache, { recursive: true });
  const command = testbed.inNetwork([suite.binary, ...suiteFlags(testbed, written)]);
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: cache,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KUBECONFIG: testbed.kubeconfig },
  });
  const output = createWriteStream(log);
  child.stderr.pipe(output, { end: false });
  // Ended by what ended us, the suite would leave its objects behind: it gets the chance to clean up.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill('SIGINT'));
  for await (const line of createInterface({ input: child.stdout })) {
    output.write(`${line}\n`);
    const outcome = parseOutcome(line);
    if (outcome !== undefined && outcome.result !== 'SKIP')
      console.log(`${outcome.result}  ${outcome.test} (${outcome.seconds.toFixed(1)} s)`);
  }
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 1)));
  output.end();
  if (values.run === undefined) {
    const text = readFileSync(written, 'utf8');
    console.log(`\n${formatSummary(summarize(parseReport(text)))}`);
    if (values.record) writeFileSync(join(root, `e2e/conformance/reports/gateway-${suite.version}.yaml`), text);
  }
  if (code !== 0) console.log(`\nwhat went wrong is in ${log}`);
  return code;
}

/** The features are not among them: the suite reads them from the GatewayClass' status. */
function suiteFlags({ settings }: Testbed, report: string): string[] {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const pool = settings.lbPool.replace(/\.\d+\/\d+$/, '');
  return [
    '-test.v',
    '-test.timeout=60m',
    // They wait for most of the time.
    '-test.parallel=4',
    '--gateway-class=cilium',
    `--conformance-profiles=${profiles.join(',')}`,
    `--usable-address=${pool}.250`,
    // In nobody's pool, and so given to nobody.
    '--unusable-address=192.0.2.1',
    '--organization=sluice',
    '--project=sluice',
    '--url=https://sluice.dev',
    `--version=v${version}`,
    '--contact=https://sluice.dev',
    ...(values.run === undefined ? [`--report-output=${report}`] : [`--run-test=${values.run}`]),
  ];
}
