import { type Diagnostic, formatRef } from '../api/index.ts';
import type { Log } from '../lib/log.ts';
import type { Collection } from '../store/index.ts';

/** Diagnostics come in bursts (a folder that is being copied): what is told is what stands when it is over. */
const quiet = 100;
/** Lines for one burst; the rest is counted. */
const most = 50;

/** Tells of each diagnostic when it appears and when it is gone, once. */
export function followDiagnostics(
  collections: readonly Collection<readonly Diagnostic[]>[],
  current: () => readonly Diagnostic[],
  tell: (appeared: readonly Diagnostic[], resolved: readonly Diagnostic[]) => void,
): { changed(): void; close(): void } {
  let known = new Map<string, Diagnostic>();
  let timer: NodeJS.Timeout | undefined;
  const report = () => {
    timer = undefined;
    const now = new Map(current().map((diagnostic) => [keyOf(diagnostic), diagnostic]));
    const appeared = [...now].filter(([key]) => !known.has(key)).map(([, diagnostic]) => diagnostic);
    const resolved = [...known].filter(([key]) => !now.has(key)).map(([, diagnostic]) => diagnostic);
    known = now;
    if (appeared.length > 0 || resolved.length > 0) tell(appeared, resolved);
  };
  const changed = () => {
    timer ??= setTimeout(report, quiet).unref();
  };
  const stops = collections.map((collection) => collection.observe(changed));
  return {
    changed,
    close() {
      clearTimeout(timer);
      for (const stop of stops) stop();
    },
  };
}

/** As log lines, for machines. */
export function logDiagnostics(log: Log): (appeared: readonly Diagnostic[], resolved: readonly Diagnostic[]) => void {
  return (appeared, resolved) => {
    for (const diagnostic of appeared.slice(0, most))
      log[diagnostic.severity === 'error' ? 'error' : 'warn'](fieldsOf(diagnostic), diagnostic.message);
    if (appeared.length > most) log.error(`... and ${appeared.length - most} more diagnostics; see \`sluice status\``);
    for (const diagnostic of resolved.slice(0, most)) log.info(fieldsOf(diagnostic), `resolved: ${diagnostic.message}`);
  };
}

function keyOf(diagnostic: Diagnostic): string {
  return JSON.stringify([
    diagnostic.reason,
    diagnostic.message,
    diagnostic.field,
    diagnostic.object,
    diagnostic.location,
  ]);
}

function fieldsOf(diagnostic: Diagnostic): Record<string, string> {
  const { location, object, field, reason, hint } = diagnostic;
  return {
    ...(location === undefined ? {} : { at: `${location.file}:${location.line}:${location.column}` }),
    ...(object === undefined ? {} : { object: formatRef(object) }),
    ...(field === undefined ? {} : { field }),
    reason,
    ...(hint === undefined ? {} : { hint }),
  };
}
