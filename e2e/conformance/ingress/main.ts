// npm run conformance:ingress: what the conformance of Kubernetes' Ingress asks, on a testbed of two nodes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { kubernetesVersion } from '../../cluster/binaries.ts';
import { linesOf } from '../../cluster/progress.ts';
import { installSluice } from '../sluice.ts';
import { openTestbed } from '../testbed.ts';

const usage = `Usage: npm run conformance:ingress [-- OPTIONS]

Runs our tests of what Kubernetes asks of an Ingress controller. Exit code: 0 if all passed.

  --mode MODE    dedicated (each Ingress has an address of its own, the default) or shared (all have one)
  --run TEXT     only tests whose title has this text
  --record       writes the report to e2e/conformance/reports
  --installed    Sluice is there already: it is not built and installed anew
  --name NAME    of the testbed (conformance); it is brought up when it isn't, and stays up
  --help         this text
`;

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'dedicated' },
    run: { type: 'string' },
    installed: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    name: { type: 'string', default: 'conformance' },
    help: { type: 'boolean', short: 'h' },
  },
});

const root = join(import.meta.dirname, '../../..');
const cache = join(root, '.cache/conformance');

if (values.help) process.stdout.write(usage);
else if ((values.run !== undefined && values.record) || !['dedicated', 'shared'].includes(values.mode)) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else await main();

async function main(): Promise<void> {
  const progress = linesOf((line) => process.stderr.write(line));
  const testbed = await openTestbed(values.name, progress);
  if (!values.installed) await installSluice(testbed, { crds: [] }, progress);
  testbed.client.close();
  mkdirSync(cache, { recursive: true });
  const report = join(cache, `ingress-${values.mode}.yaml`);
  const command = testbed.inNetwork([
    ...[process.execPath, 'node_modules/mocha/bin/mocha.js', '--no-config', '--forbid-only', '--exit'],
    ...['--reporter', join(import.meta.dirname, 'reporter.mjs')],
    ...['--reporter-option', `report=${report},kubernetes=${kubernetesVersion},mode=${values.mode}`],
    ...(values.run === undefined ? [] : ['--fgrep', values.run]),
    'e2e/conformance/ingress/*.conformance.ts',
  ]);
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, KUBECONFIG: testbed.kubeconfig, SLUICE_LOADBALANCER_MODE: values.mode },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (values.record) copyFileSync(report, join(import.meta.dirname, '../reports', basename(report)));
  process.exitCode = code ?? 1;
}
