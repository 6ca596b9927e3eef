// Every test there is, in order: lint, type check, fast tests, the testbed's programs, end-to-end tests. Later suites run even when an earlier one
// failed. A suite that dies, or does not end in its time, is one failure more. A skip that tools/allowed-skips.txt does not list is a failure.
// Ends with what failed, one line each, and `N passed, N failed, N skipped`, which is also left in .cache/test-summary for .ci/run.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
mkdirSync('.cache', { recursive: true });
const total = { passed: 0, skipped: 0 };
/** A line for each failure. */
const failures = [];
const allowed = readFileSync('tools/allowed-skips.txt', 'utf8')
  .split('\n')
  .map((line) => line.replace(/#.*/, '').trim())
  .filter(Boolean);

command('lint', [join('node_modules/@biomejs/biome/bin/biome'), 'check', '--diagnostic-level=error', '.']);
command('types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
// Limits are for hangs: more than a slow machine with two cores needs (a fast one: 2 and 23). Minutes.
mochaSuite('fast tests', '.mocharc.json', 'src/**/*.test.ts', 'dot', 10);
// Ten minutes on a machine that has not done it before, seconds on others.
command('programs of the testbed', ['e2e/cluster/main.ts', 'build'], 30);
mochaSuite('end-to-end tests', 'e2e/.mocharc.json', 'e2e/**/*.test.ts', 'spec', 50);

const summary = `${total.passed} passed, ${failures.length} failed, ${total.skipped} skipped`;
writeFileSync('.cache/test-summary', `${summary}\n`);
console.log(`\n${failures.map((line) => `failed: ${line}\n`).join('')}${summary}`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** A step that either passes or fails as one. */
function command(title, args, minutes = 5) {
  const started = begin(title);
  const { status } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    timeout: minutes * 60_000,
    killSignal: 'SIGKILL',
  });
  if (status === 0) total.passed++;
  else failures.push(title);
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
  const result = existsSync(counts) ? JSON.parse(readFileSync(counts, 'utf8')) : { passed: 0, failed: [], skipped: [] };
  rmSync(counts, { force: true });
  const failed = result.failed.map(({ title: name, reason }) => `${name}: ${reason}`);
  if (result.running) {
    const why = error?.code === 'ETIMEDOUT' ? `did not end within ${minutes} minutes` : `ended by ${signal ?? status}`;
    failed.push(`${title} ${why}, in: ${result.running}`);
  }
  // Mocha exits with the number of failures: any other failure (a crash after the end) must not pass unseen.
  if (status !== 0 && failed.length === 0) failed.push(`${title}: mocha ended by ${signal ?? status}`);
  for (const { title: name, reason } of result.skipped)
    if (!reason || !allowed.includes(`${name}: ${reason}`)) failed.push(`unexpected skip: ${name}`);
  failures.push(...failed);
  total.passed += result.passed;
  total.skipped += result.skipped.length;
  end(
    title,
    started,
    `${result.passed} passed, ${failed.length} failed, ${result.skipped.length} skipped${signal ? `, ended by ${signal}` : ''}`,
  );
}

function begin(title) {
  console.log(`\n== ${title}`);
  return performance.now();
}

function end(title, started, outcome) {
  console.log(`== ${title}: ${outcome} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}
