import { isObject } from '../lib/is-object.ts';

/** Plain JSON as it comes from the API server. */
export type Json = Readonly<Record<string, unknown>>;

export function recordsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Equal as the API server keeps it: what is absent, null, `[]` or `{}` is the same. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => sameJson(value, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  for (const key in a) if (!sameJson(a[key], b[key])) return false;
  for (const key in b) if (!(key in a) && !isEmpty(b[key])) return false;
  return true;
}

/** The JSON merge patch (RFC 7386) that makes `to` of `from`; undefined where there is nothing to change. Lists are replaced. */
export function mergePatch(from: unknown, to: Json): Json | undefined {
  const before = isObject(from) ? from : {};
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(to)) {
    if (sameJson(before[key], value)) continue;
    patch[key] = isObject(value) ? (mergePatch(before[key], value) ?? {}) : value;
  }
  for (const key of Object.keys(before)) if (!(key in to) && !isEmpty(before[key])) patch[key] = null;
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  for (const key in value) if (!isEmpty((value as Json)[key])) return false;
  return true;
}
