import { type Diagnostic, formatRef } from '../api/index.ts';
import type { Log } from '../lib/log.ts';
import type { Collection } from '../store/index.ts';

/** Diagnostics come in bursts (a folder that is being copied): what is logged is what stands when it is over. */
const quiet = 100;
/** Lines for one burst; the rest is counted. */
const most = 50;

/** Logs each diagnostic when it appears and when it is gone, once. */
export function logDiagnostics(
  collections: readonly Collection<readonly Diagnostic[]>[],
  current: () => readonly Diagnostic[],
  log: Log,
): { changed(): void } {
  let known = new Map<string, Diagnostic>();
  let timer: NodeJS.Timeout | undefined;
  const report = () => {
    timer = undefined;
    const now = new Map(current().map((diagnostic) => [keyOf(diagnostic), diagnostic]));
    const fresh = [...now].filter(([key]) => !known.has(key));
    const gone = [...known].filter(([key]) => !now.has(key));
    known = now;
    for (const [, diagnostic] of fresh.slice(0, most))
      log[diagnostic.severity === 'error' ? 'error' : 'warn'](fieldsOf(diagnostic), diagnostic.message);
    if (fresh.length > most) log.error(`... and ${fresh.length - most} more diagnostics; see \`sluice status\``);
    for (const [, diagnostic] of gone.slice(0, most)) log.info(fieldsOf(diagnostic), `resolved: ${diagnostic.message}`);
  };
  const changed = () => {
    timer ??= setTimeout(report, quiet).unref();
  };
  for (const collection of collections) collection.observe(changed);
  return { changed };
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
