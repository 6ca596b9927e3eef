import { isObject } from '../../lib/is-object.ts';
import { type Context, show } from './context.ts';
import { NOTHING, type Schema, string, wrongType } from './scalar.ts';

export interface RequiredField<T> {
  readonly mode: 'required';
  readonly schema: Schema<T>;
}
export interface OptionalField<T> {
  readonly mode: 'optional';
  readonly schema: Schema<T>;
}
export interface DefaultedField<T> {
  readonly mode: 'defaulted';
  readonly schema: Schema<T>;
  readonly value: T;
}
/** Known, legal, and not kept: `status`, or what a mesh has no use for. */
export interface SkippedField {
  readonly mode: 'skipped';
}
export type Field = RequiredField<unknown> | OptionalField<unknown> | DefaultedField<unknown> | SkippedField;
export type Fields = Readonly<Record<string, Field>>;

type KeysOf<F extends Fields, M extends Field['mode']> = {
  [K in keyof F]: F[K]['mode'] extends M ? K : never;
}[keyof F];
type ValueOf<F> = F extends { readonly schema: Schema<infer T> } ? T : never;
type Flat<T> = { [K in keyof T]: T[K] };
export type ObjectOf<F extends Fields> = Flat<
  { readonly [K in KeysOf<F, 'required' | 'defaulted'>]: ValueOf<F[K]> } & {
    readonly [K in KeysOf<F, 'optional'>]?: ValueOf<F[K]>;
  }
>;

export const required = <T>(schema: Schema<T>): RequiredField<T> => ({ mode: 'required', schema });
export const optional = <T>(schema: Schema<T>): OptionalField<T> => ({ mode: 'optional', schema });
/** The default is shared by all objects, so it must not be changed, as nothing that is parsed may be. */
export const defaulted = <T>(schema: Schema<T>, value: NoInfer<T>): DefaultedField<T> => ({
  mode: 'defaulted',
  schema,
  value,
});
export const skipped: SkippedField = { mode: 'skipped' };

/** An object whose every field must be known (`strict`), or one of which only some fields matter (`lenient`). */
export function object<const F extends Fields>(
  fields: F,
  unknown: 'strict' | 'lenient' = 'strict',
): Schema<ObjectOf<F>> {
  const names = Object.keys(fields);
  const known = new Set(names);
  const list = Object.values(fields);
  const strict = unknown === 'strict';
  return (value, context) => {
    if (!isObject(value)) return wrongType(value, 'an object', context);
    const out: Record<string, unknown> = {};
    let present = 0;
    for (let i = 0; i < list.length; i++) {
      const field = list[i] as Field;
      const name = names[i] as string;
      const raw = value[name];
      if (raw !== undefined) present++;
      if (field.mode === 'skipped') continue;
      if (raw === undefined || raw === null) {
        if (field.mode === 'required') context.error('MissingField', 'is missing', undefined, [name]);
        else if (field.mode === 'defaulted') out[name] = field.value;
        continue;
      }
      context.enter(name);
      out[name] = field.schema(raw, context);
      context.leave();
    }
    if (strict) refuseUnknown(value, present, known, context);
    return out as ObjectOf<F>;
  };
}

/** Counting first: looking every key up costs more than the rest of a small object. */
function refuseUnknown(value: Record<string, unknown>, present: number, known: ReadonlySet<string>, context: Context) {
  let count = 0;
  for (const key in value) if (value[key] !== undefined) count++;
  if (count === present) return;
  for (const key of Object.keys(value)) if (!known.has(key)) context.unknownField(key, known);
}

export interface ListRules<T> {
  readonly min?: number;
  readonly max?: number;
  /** Items with the same key are refused; `what` names the key: `name`. */
  readonly unique?: { readonly what: string; readonly key: (item: T) => string | number };
}

export function list<T>(item: Schema<T>, rules: ListRules<T> = {}): Schema<readonly T[]> {
  const { min = 0, max = Number.POSITIVE_INFINITY, unique } = rules;
  return (value, context) => {
    if (!Array.isArray(value)) return wrongType(value, 'a list', context);
    if (value.length < min || value.length > max) {
      const hint = max === Number.POSITIVE_INFINITY ? `it needs at least ${min}` : `it must have ${min} to ${max}`;
      context.error('InvalidValue', value.length === 0 ? 'is empty' : `has ${value.length} items`, hint);
      return NOTHING;
    }
    const out: T[] = [];
    const before = context.errors;
    for (let i = 0; i < value.length; i++) {
      context.enter(i);
      out.push(value[i] === null ? wrongType(null, 'a value', context) : item(value[i], context));
      context.leave();
    }
    if (unique !== undefined && out.length > 1 && context.errors === before) refuseDuplicates(out, unique, context);
    // A copy: an array that was pushed to has room for seventeen, and objects are kept for as long as they exist.
    return out.slice();
  };
}

function refuseDuplicates<T>(items: readonly T[], unique: NonNullable<ListRules<T>['unique']>, context: Context): void {
  const seen = new Map<string | number, number>();
  items.forEach((item, i) => {
    const key = unique.key(item);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, i);
    else
      context.error('DuplicateValue', `repeats ${unique.what} ${show(key)}`, `it stands in item ${first} already`, [i]);
  });
}

/** A map of names to values. The result has no prototype trouble: `__proto__` is a key like any other. */
export function record<T>(
  item: Schema<T>,
  rules: { readonly max?: number; readonly key?: Schema<string> } = {},
): Schema<Readonly<Record<string, T>>> {
  const { max = Number.POSITIVE_INFINITY, key: keySchema } = rules;
  return (value, context) => {
    if (!isObject(value)) return wrongType(value, 'an object', context);
    const out: Record<string, T> = {};
    let count = 0;
    for (const key of Object.keys(value)) {
      count++;
      context.enter(key);
      keySchema?.(key, context);
      const raw = value[key];
      const parsed = raw === null ? wrongType(null, 'a value', context) : item(raw, context);
      if (key === '__proto__') Object.defineProperty(out, key, { value: parsed, enumerable: true });
      else out[key] = parsed;
      context.leave();
    }
    if (count > max) context.error('InvalidValue', `has ${count} entries`, `use at most ${max}`);
    return out;
  };
}

export const stringRecord = record(string());

/** Runs where the value itself is right; `test` reports through the context what spans several fields. */
export function check<T>(schema: Schema<T>, test: (value: T, context: Context) => void): Schema<T> {
  return (value, context) => {
    const before = context.errors;
    const parsed = schema(value, context);
    if (context.errors === before) test(parsed, context);
    return parsed;
  };
}

export function map<T, U>(schema: Schema<T>, to: (value: T, context: Context) => U): Schema<U> {
  return (value, context) => {
    const before = context.errors;
    const parsed = schema(value, context);
    return context.errors === before ? to(parsed, context) : NOTHING;
  };
}

/** For what checks itself by other means, or is not ours to check. */
export const anything: Schema<unknown> = (value) => value;
