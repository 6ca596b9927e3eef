/** Columns as wide as their widest cell, two spaces between; the last column is not padded. Cells hold one line each. */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  style: Style = plain,
): string {
  const clean = rows.map((row) => row.map((cell) => printable(cell)));
  const widths = headers.map((header, i) => Math.max(header.length, ...clean.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [style.bold(line(headers)), ...clean.map(line)].map((text) => `${text}\n`).join('');
}

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
}

const paint = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const same = (text: string) => text;
export const plain: Style = { bold: same, dim: same, red: same, yellow: same, green: same };
const coloured: Style = { bold: paint(1), dim: paint(2), red: paint(31), yellow: paint(33), green: paint(32) };

/** Colour on a terminal only, and not where NO_COLOR (no-color.org) asks for none. */
export function styleFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Style {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb' ? coloured : plain;
}

/** Text from files and from Envoy may hold control characters that would drive the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd').replace(/[\n\t]/g, ' ');
}
