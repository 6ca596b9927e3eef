import type { Diagnostic } from '../../api/index.ts';
import type { ServedRow, Trial } from '../../status/index.ts';
import { formatDiagnostics, summarise } from './diagnostics.ts';
import { formatTable, printable, type Style } from './table.ts';

/** Rows of the table that a start prints; more are in `sluice translate`. */
export const mostRows = 40;

export interface Started {
  readonly paths: readonly string[];
  readonly rows: readonly ServedRow[];
  readonly trials: readonly Trial[];
  readonly diagnostics: readonly Diagnostic[];
  /** How this node's status is asked for. */
  readonly statusCommand: string;
}

/** What `sluice run` prints once it serves: what is served, what to try, what is wrong. */
export function formatStart(
  { paths, rows, trials, diagnostics, statusCommand }: Started,
  milliseconds: number,
  style: Style,
): string {
  const parts: string[] = [];
  if (rows.length > 0) {
    parts.push(servedTable(rows.slice(0, mostRows), style));
    if (rows.length > mostRows) parts[0] += `... and more: \`sluice translate ${paths.join(' ')}\` shows all\n`;
  }
  if (trials.length > 0) {
    const list = trials.map(
      ({ title, commands }) =>
        `  ${style.dim(printable(title))}\n${commands.map((command) => `    ${command}\n`).join('')}`,
    );
    parts.push(`${style.bold('Try:')}\n${list.join('')}`);
  }
  if (diagnostics.length > 0) parts.push(`${summarise(diagnostics)}:\n${formatDiagnostics(diagnostics, style, 20)}`);
  if (rows.length === 0) {
    parts.push(
      `Nothing is served yet. Put Kubernetes YAML or JSON (Ingress, Gateway and HTTPRoute, CiliumEnvoyConfig, with their\n` +
        `Services and Pods) into ${paths.join(' ')}: it is in force as soon as it is saved. examples/quickstart shows how.\n`,
    );
  }
  parts.push(
    `${style.green('Ready')} after ${milliseconds} ms. Edits are in force as they are saved; \`${statusCommand}\` shows health; Ctrl-C ends it.\n`,
  );
  return parts.map((part) => `\n${part}`).join('');
}

export function servedTable(rows: readonly ServedRow[], style: Style): string {
  return formatTable(
    ['LISTENER', 'HOST', 'MATCH', 'TO', 'FROM'],
    rows.map((row) => [
      row.refused === true ? `${row.listener} (refused)` : row.listener,
      row.host,
      row.match,
      row.to,
      row.owner,
    ]),
    style,
  );
}
