import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atLeast, below, exactly, figure } from './bench.ts';
import { benches } from './benches.ts';
import type { Machine } from './machine.ts';
import { formatFigures, record } from './report.ts';

const machine: Machine = {
  date: '2026-01-02',
  cpus: '2 cores',
  model: 'Test CPU',
  memory: '24 GiB',
  kernel: '6.18.0',
  envoy: '1.40.0',
  node: '26.10.0',
};

describe('bench: report', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'bench-report-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const markdown = () => readFileSync(join(dir, 'RESULTS.md'), 'utf8');
  const rows = () =>
    markdown()
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (Figure|---)/.test(line));

  it('writes the figures of a bench as a list in JSON', () => {
    record(dir, 'one', [figure('start', 1.23456, 's', { goal: below(1.5), peer: 'Other: 3 s' })], machine, ['one']);
    assert.deepEqual(JSON.parse(readFileSync(join(dir, 'results/one.json'), 'utf8')), [
      {
        figure: 'start',
        value: 1.235,
        unit: 's',
        goal: '< 1.5 s',
        met: true,
        peer: 'Other: 3 s',
        command: 'npm run bench one',
        date: '2026-01-02',
      },
    ]);
  });

  it('makes a row of each figure, and says where and when', () => {
    record(dir, 'one', [figure('start', 2, 's', { goal: below(1.5) }), figure('a|b', 12_345.6, '')], machine, ['one']);
    assert.deepEqual(rows(), [
      '| start | 2 s | < 1.5 s | **no** |  | `npm run bench one` | 2026-01-02 |',
      '| a\\|b | 12,346 |  |  |  | `npm run bench one` | 2026-01-02 |',
    ]);
    assert.match(
      markdown(),
      /2026-01-02, 2 cores of Test CPU, 24 GiB, kernel 6\.18\.0, Envoy 1\.40\.0, Node 26\.10\.0\./,
    );
  });

  it('replaces the rows of the bench that ran, and keeps the others and the text around', () => {
    const order = ['first', 'second'];
    record(dir, 'second', [figure('b', 1, 'ms')], machine, order);
    writeFileSync(join(dir, 'RESULTS.md'), `# Title\n\n${markdown()}\nWhy: because.\n`);
    record(dir, 'first', [figure('a', 1, 'ms')], machine, order);
    record(dir, 'second', [figure('b', 2, 'ms')], { ...machine, date: '2026-01-03' }, order);
    assert.deepEqual(rows(), [
      '| a | 1 ms |  |  |  | `npm run bench first` | 2026-01-02 |',
      '| b | 2 ms |  |  |  | `npm run bench second` | 2026-01-03 |',
    ]);
    assert.match(markdown(), /^# Title\n/);
    assert.match(markdown(), /\nWhy: because\.\n$/);
  });

  it('gives the same file when run again', () => {
    const run = () => record(dir, 'one', [figure('a', 1, 'ms')], machine, ['one']);
    run();
    const before = markdown();
    run();
    assert.equal(markdown(), before);
  });

  it('judges a value before rounding it', () => {
    assert.deepEqual(figure('ratio', 0.96999, '', { goal: atLeast(0.97) }), {
      figure: 'ratio',
      value: 0.97,
      unit: '',
      goal: '>= 0.97',
      met: false,
    });
    assert.equal(figure('errors', 1, '', { goal: exactly(0) }).met, false);
  });

  it('prints a table', () => {
    const figures = [figure('a', 1, 'ms', { goal: below(2) }), figure('longer', 3, 'ms', { goal: below(2) })];
    assert.equal(formatFigures(figures), 'a       1 ms  < 2 ms  met\nlonger  3 ms  < 2 ms  NOT MET');
  });

  it('has benches with names of their own', () => {
    const names = benches.map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
    for (const name of names) assert.match(name, /^[a-z][a-z0-9-]*$/);
  });
});
