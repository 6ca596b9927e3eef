import { type Diagnostic, formatRef } from '../../api/index.ts';
import { printable, type Style } from './table.ts';

/**
 * As compilers print them, so that editors and CI systems can follow the place:
 * `shop.yaml:12:7: error: Ingress default/shop: spec.rules[0]: message [Reason]` and a line with what would be right.
 */
export function formatDiagnostic(diagnostic: Diagnostic, style: Style): string {
  const { location, object, field, severity, message, reason, hint } = diagnostic;
  const place = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `;
  const label = severity === 'error' ? style.red('error') : style.yellow('warning');
  // Messages about one field most often begin with it.
  const path = field === undefined || message.startsWith(field) ? undefined : field;
  const what = [object === undefined ? undefined : formatRef(object), path]
    .filter((part) => part !== undefined)
    .join(': ');
  const text = `${style.bold(printable(place))}${label}: ${what === '' ? '' : `${printable(what)}: `}${printable(message)} ${style.dim(`[${reason}]`)}\n`;
  return hint === undefined ? text : `${text}  ${style.dim('hint:')} ${printable(hint)}\n`;
}

export function formatDiagnostics(diagnostics: readonly Diagnostic[], style: Style, most = 100): string {
  const shown = diagnostics.slice(0, most).map((diagnostic) => formatDiagnostic(diagnostic, style));
  const more = diagnostics.length - shown.length;
  return shown.join('') + (more > 0 ? `... and ${more} more\n` : '');
}

export function summarise(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  return `${errors} error${errors === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}`;
}
