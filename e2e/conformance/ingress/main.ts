// npm run conformance:ingress: what the conformance of Kubernetes' Ingress asks, on a testbed of two nodes. Arguments go to mocha.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { linesOf } from '../../cluster/progress.ts';
import { installSluice } from '../sluice.ts';
import { openTestbed } from '../testbed.ts';

const root = join(import.meta.dirname, '../../..');
const progress = linesOf((line) => process.stderr.write(line));
const testbed = await openTestbed('conformance', progress);
await installSluice(testbed, { crds: [] }, progress);

const mocha = ['node_modules/mocha/bin/mocha.js', '--no-config', '--forbid-only', '--exit'];
const command = testbed.inNetwork([
  process.execPath,
  ...mocha,
  'e2e/conformance/ingress/*.conformance.ts',
  ...process.argv.slice(2),
]);
const child = spawn(command[0] as string, command.slice(1), {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, KUBECONFIG: testbed.kubeconfig },
});
const [code] = (await once(child, 'exit')) as [number | null];
testbed.client.close();
process.exitCode = code ?? 1;
