import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from './bench.ts';
import type { Machine } from './machine.ts';

/** A figure as `results/NAME.json` holds it. */
export interface RecordedFigure extends Figure {
  /** What prints it again. */
  readonly command: string;
  /** YYYY-MM-DD */
  readonly date: string;
}

const begin = '<!-- Written by `npm run bench`: edits between these two marks are lost. -->';
const end = '<!-- End of what `npm run bench` writes. -->';

/**
 * Replaces one bench's figures in `dir/results/NAME.json` and in `dir/RESULTS.md`, whose other rows and whose text outside of
 * the marks stay. `order` is that of the table; benches that are not in it come last.
 */
export function record(
  dir: string,
  bench: string,
  figures: readonly Figure[],
  machine: Machine,
  order: readonly string[],
): void {
  const results = join(dir, 'results');
  mkdirSync(results, { recursive: true });
  const recorded: RecordedFigure[] = figures.map((figure) => ({
    ...figure,
    command: `npm run bench ${bench}`,
    date: machine.date,
  }));
  writeFileSync(join(results, `${bench}.json`), `${JSON.stringify(recorded, null, 2)}\n`);
  const path = join(dir, 'RESULTS.md');
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  writeFileSync(path, replaceMarked(before, renderResults(readResults(results, order), machine)));
}

/** Every recorded figure, bench by bench. */
export function readResults(results: string, order: readonly string[]): RecordedFigure[] {
  const rank = (name: string) => (order.indexOf(name) + order.length + 1) % (order.length + 1);
  const names = readdirSync(results)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length));
  names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return names.flatMap((name) => JSON.parse(readFileSync(join(results, `${name}.json`), 'utf8')) as RecordedFigure[]);
}

/** The marked part of RESULTS.md. */
export function renderResults(figures: readonly RecordedFigure[], machine: Machine): string {
  const rows = figures.map(({ figure, value, unit, goal, met, peer, command, date }) => [
    figure,
    withUnit(value, unit),
    goal ?? '',
    met === null ? '' : met ? 'yes' : '**no**',
    peer ?? '',
    `\`${command}\``,
    date,
  ]);
  const head = ['Figure', 'Measured', 'Goal', 'Met', 'Peers', 'Command', 'Date'];
  return [
    begin,
    '',
    `Last run: ${machine.date}, ${machine.cpus} of ${machine.model}, ${machine.memory}, kernel ${machine.kernel}, Envoy ${machine.envoy}, Node ${machine.node}.`,
    '',
    ...[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`),
    '',
    end,
  ].join('\n');
}

function replaceMarked(text: string, marked: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from >= 0 && to > from) return text.slice(0, from) + marked + text.slice(to + end.length);
  return text === '' ? `# Figures\n\n${marked}\n` : `${text.trimEnd()}\n\n${marked}\n`;
}

/** For the terminal. */
export function formatFigures(figures: readonly Figure[]): string {
  const rows = figures.map(({ figure, value, unit, goal, met }) => [
    figure,
    withUnit(value, unit),
    goal ?? '',
    met === null ? '' : met ? 'met' : 'NOT MET',
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function withUnit(value: number, unit: string): string {
  const number = value.toLocaleString('en-US', { maximumFractionDigits: 4 });
  return unit === '' ? number : `${number} ${unit}`;
}

function escapeCell(cell: string): string {
  return cell.replaceAll('|', '\\|');
}
