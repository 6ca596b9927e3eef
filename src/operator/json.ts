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
  for (const key in a) if (!sameJson(a[key], own(b, key))) return false;
  for (const key in b) if (!Object.hasOwn(a, key) && !isEmpty(b[key])) return false;
  return true;
}

/** The JSON merge patch (RFC 7386) that makes `to` of `from`; undefined where there is nothing to change. Lists are replaced. */
export function mergePatch(from: unknown, to: Json): Json | undefined {
  const before = isObject(from) ? from : {};
  const patch: [string, unknown][] = [];
  for (const [key, value] of Object.entries(to)) {
    const present = own(before, key);
    if (sameJson(present, value)) continue;
    patch.push([key, isObject(value) ? (mergePatch(present, value) ?? {}) : value]);
  }
  for (const key of Object.keys(before)) if (!Object.hasOwn(to, key) && !isEmpty(before[key])) patch.push([key, null]);
  return patch.length === 0 ? undefined : Object.fromEntries(patch);
}

/** Keys are others' words, and `valueOf` or `__proto__` may be among them. */
function own(object: Json, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  for (const key in value) if (!isEmpty((value as Json)[key])) return false;
  return true;
}
