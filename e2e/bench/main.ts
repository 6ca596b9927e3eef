// npm run bench [NAME...]: runs benches one after another, prints their figures and records them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bench, BenchNotPossible, type Figure } from './bench.ts';
import { benches } from './benches.ts';
import { busyWarning, describeMachine } from './machine.ts';
import { formatFigures, record } from './report.ts';

const usage = `Usage: npm run bench [-- OPTIONS] [NAME...]

Runs the named benches (all without a name), prints their figures, and records them in e2e/bench/RESULTS.md and
e2e/bench/results/NAME.json. Exit code: 0 even where a goal is missed; 1 if a bench could not be run.

  --list   names and what they measure
  --quick  fewer repetitions; records nothing
  --help   this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean' }, quick: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help) process.stdout.write(usage);
else if (values.list) for (const { name, about } of benches) console.log(`${name.padEnd(16)} ${about}`);
else await runAll(choose(positionals));

function choose(names: readonly string[]): readonly Bench[] {
  const unknown = names.find((name) => !benches.some((bench) => bench.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`bench: there is no ${unknown}; there are ${benches.map(({ name }) => name).join(', ')}\n`);
    process.exit(2);
  }
  return names.length === 0 ? benches : benches.filter(({ name }) => names.includes(name));
}

async function runAll(chosen: readonly Bench[]): Promise<void> {
  const machine = await describeMachine();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const all: Figure[] = [];
  for (const bench of chosen) {
    if (stop.signal.aborted) break;
    const warning = busyWarning();
    if (warning !== undefined) process.stderr.write(`bench: ${warning}\n`);
    process.stderr.write(`== ${bench.name}: ${bench.about}\n`);
    try {
      const figures = await runOne(bench, values.quick === true, stop.signal);
      all.push(...figures);
      if (values.quick !== true)
        record(
          import.meta.dirname,
          bench.name,
          figures,
          machine,
          benches.map(({ name }) => name),
        );
      console.log(`${formatFigures(figures)}\n`);
    } catch (error) {
      process.exitCode = 1;
      if (stop.signal.aborted) break;
      const what = error instanceof BenchNotPossible ? error.message : error instanceof Error ? error.stack : error;
      process.stderr.write(`bench ${bench.name}: ${what}\n`);
    }
  }
  if (chosen.length > 1 && all.length > 0) console.log(`== all\n${formatFigures(all)}`);
}

async function runOne(bench: Bench, quick: boolean, signal: AbortSignal): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'));
  const started = performance.now();
  await using cleanUps = new AsyncDisposableStack();
  cleanUps.defer(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  return await bench.run({
    dir,
    quick,
    signal,
    progress(message) {
      const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
      process.stderr.write(`${seconds} s  ${message}\n`);
    },
    defer: (cleanUp) => cleanUps.defer(cleanUp),
  });
}
