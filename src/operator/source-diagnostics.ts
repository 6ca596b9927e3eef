import { type Diagnostic, refKey } from '../api/index.ts';
import type { Table } from '../store/index.ts';

/** All of a source's diagnostics, as it tells them, into a table by the object that they are about. */
export function setDiagnostics(table: Table<readonly Diagnostic[]>, diagnostics: readonly Diagnostic[]): void {
  const byObject = new Map<string, Diagnostic[]>();
  for (const diagnostic of diagnostics) {
    if (diagnostic.object === undefined) continue;
    const key = refKey(diagnostic.object);
    const present = byObject.get(key);
    if (present === undefined) byObject.set(key, [diagnostic]);
    else present.push(diagnostic);
  }
  for (const key of [...table.keys()]) if (!byObject.has(key)) table.delete(key);
  for (const [key, list] of byObject) table.set(key, list);
}
