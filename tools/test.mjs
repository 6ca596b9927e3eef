// Every test there is, in order: lint, type check, fast tests, the testbed's programs, end-to-end tests. Later suites run even when an earlier one
// failed. A suite that dies, or does not end in its time, is one failure more. A skip that tools/allowed-skips.txt does not list is a failure.
// Ends with `N passed, N failed, N skipped`, which is also left in .cache/test-summary for .ci/run.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
mkdirSync('.cache', { recursive: true });
const total = { passed: 0, failed: 0, skipped: 0 };
const allowed = readFileSync('tools/allowed-skips.txt', 'utf8')
  .split('\n')
  .map((line) => line.replace(/#.*/, '').trim())
  .filter(Boolean);

command('lint', [join('node_modules/@biomejs/biome/bin/biome'), 'check', '--diagnostic-level=error', '.']);
command('types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
// Limits are for hangs: several times what a slow machine with two cores needs. Minutes.
mochaSuite('fast tests', '.mocharc.json', 'src/**/*.test.ts', 'dot', 10);
// Ten minutes on a machine that has not done it before, seconds on others.
command('programs of the testbed', ['e2e/cluster/main.ts', 'build'], 30);
mochaSuite('end-to-end tests', 'e2e/.mocharc.json', 'e2e/**/*.test.ts', 'spec', 40);

const summary = `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`;
writeFileSync('.cache/test-summary', `${summary}\n`);
console.log(`\n${summary}`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** A step that either passes or fails as one. */
function command(title, args, minutes = 5) {
  const started = begin(title);
  const { status } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    timeout: minutes * 60_000,
    killSignal: 'SIGKILL',
  });
  total[status === 0 ? 'passed' : 'failed']++;
  end(title, started, status === 0 ? 'passed' : 'FAILED');
}

function mochaSuite(title, config, files, style, minutes) {
  if (globSync(files).length === 0) throw new Error(`${title}: no file matches ${files}`);
  const started = begin(title);
  const counts = join(root, `.cache/test-counts-${process.pid}.json`);
  const reporter = [
    '--reporter',
    join(root, 'tools/mocha-reporter.mjs'),
    '--reporter-option',
    `counts=${counts},style=${style}`,
  ];
  const { status, signal, error } = spawnSync(
    process.execPath,
    ['node_modules/mocha/bin/mocha.js', '--config', config, ...reporter],
    // What it started ends with it, however it ends: the kernel sees to Envoy, and a closed channel to the rest.
    { stdio: 'inherit', timeout: minutes * 60_000, killSignal: 'SIGKILL' },
  );
  const result = existsSync(counts) ? JSON.parse(readFileSync(counts, 'utf8')) : { passed: 0, failed: 0, skipped: [] };
  rmSync(counts, { force: true });
  if (result.running) {
    const why = error?.code === 'ETIMEDOUT' ? `did not end within ${minutes} minutes` : `ended by ${signal ?? status}`;
    console.log(`\n${title}: ${why}, in: ${result.running}`);
    result.failed++;
  }
  // Mocha exits with the number of failures: any other failure (a hook, a crash after the end) must not pass unseen.
  if (status !== 0 && result.failed === 0) result.failed = 1;
  const unexpected = result.skipped.filter(
    ({ title: name, reason }) => !reason || !allowed.includes(`${name}: ${reason}`),
  );
  for (const { title: name } of unexpected) console.log(`unexpected skip: ${name}`);
  total.passed += result.passed;
  total.failed += result.failed + unexpected.length;
  total.skipped += result.skipped.length;
  end(
    title,
    started,
    `${result.passed} passed, ${result.failed} failed, ${result.skipped.length} skipped${signal ? `, ended by ${signal}` : ''}`,
  );
}

function begin(title) {
  console.log(`\n== ${title}`);
  return performance.now();
}

function end(title, started, outcome) {
  console.log(`== ${title}: ${outcome} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}
