import { InvalidArgumentError } from 'commander';
import { formatData } from './format.ts';
import { jsonPath } from './jsonpath.ts';
import { formatTable, type Style, styleFor } from './table.ts';

/** `table`, `json`, `yaml`, or `jsonpath=TEMPLATE`. */
export type RestOutput = 'table' | 'json' | 'yaml' | `jsonpath=${string}`;
export const restOutputs = ['table', 'json', 'yaml', 'jsonpath='] as const;

export function restOutput(value: string): RestOutput {
  if (value === 'table' || value === 'json' || value === 'yaml') return value;
  if (value.startsWith('jsonpath=') && value !== 'jsonpath=') return value as RestOutput;
  throw new InvalidArgumentError("it can be table, json, yaml, or jsonpath='{TEMPLATE}'.");
}

/** A cell of several lines stands on as many rows. */
export type Cell = string | readonly string[];

/** Prints what the API said: as a table of `rows`, or the data itself. */
export function printRest(
  data: unknown,
  output: RestOutput,
  table: () => { readonly headers: readonly string[]; readonly rows: readonly (readonly Cell[])[] },
  out: { write(text: string): unknown; isTTY?: boolean } = process.stdout,
): void {
  if (output === 'table') {
    const { headers, rows } = table();
    out.write(linesTable(headers, rows, styleFor(out)));
  } else if (output === 'json' || output === 'yaml') out.write(formatData(data, output));
  else {
    const text = jsonPath(output.slice('jsonpath='.length), data);
    out.write(text.endsWith('\n') ? text : `${text}\n`);
  }
}

export function linesTable(headers: readonly string[], rows: readonly (readonly Cell[])[], style?: Style): string {
  const flat = rows.flatMap((row) => {
    const cells = row.map((cell) => (typeof cell === 'string' ? [cell] : cell));
    const height = Math.max(1, ...cells.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) => cells.map((lines) => lines[line] ?? ''));
  });
  return formatTable(headers, flat, style);
}
