import { type Diagnostic, type Location, type ObjectRef, refKey } from '../api/index.ts';
import { compareText } from '../lib/compare.ts';
import type { Collection } from '../store/index.ts';

export type Locate = (ref: ObjectRef, field?: string) => Location | undefined;

/**
 * Every diagnostic there is, with places, errors first, then by file and line. `own` are those of sources, which know their
 * places; `collections` those of translators and of Envoy, by object.
 */
export function collectDiagnostics(
  own: readonly Diagnostic[],
  collections: readonly Collection<readonly Diagnostic[]>[],
  locate: Locate,
): Diagnostic[] {
  const all = [...own];
  for (const collection of collections)
    for (const list of collection.values()) all.push(...list.map((d) => located(d, locate)));
  return all.sort(compareDiagnostics);
}

export function located(diagnostic: Diagnostic, locate: Locate): Diagnostic {
  if (diagnostic.location !== undefined || diagnostic.object === undefined) return diagnostic;
  const location = locate(diagnostic.object, diagnostic.field) ?? locate(diagnostic.object);
  return location === undefined ? diagnostic : { ...diagnostic, location };
}

function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  return (
    Number(a.severity === 'warning') - Number(b.severity === 'warning') ||
    compareText(a.location?.file ?? '', b.location?.file ?? '') ||
    (a.location?.line ?? 0) - (b.location?.line ?? 0) ||
    compareText(a.object === undefined ? '' : refKey(a.object), b.object === undefined ? '' : refKey(b.object)) ||
    compareText(a.message, b.message)
  );
}
