import { type Context, closest, show } from './context.ts';

/**
 * Reads a value: what it returns is meaningful only where it raised no error in the context. Never throws. `null` and
 * absent values never get here (`composite.ts` settles them as the API server does: they are the same).
 */
export type Schema<T> = (value: unknown, context: Context) => T;

/** What a failed schema returns: never looked at. */
export const NOTHING = undefined as never;

export interface StringRules {
  readonly min?: number;
  /** Characters (code points). */
  readonly max?: number;
  /** The whole of the value must satisfy it; it must run in linear time, since values are hostile. */
  readonly format?: Format;
}

/** A named form of strings. `is` finishes "must be ...". */
export interface Format {
  readonly is: string;
  readonly test: (value: string) => boolean;
}

export function string(rules: StringRules = {}): Schema<string> {
  const { min = 0, max = Number.POSITIVE_INFINITY, format } = rules;
  return (value, context) => {
    if (typeof value !== 'string') return wrongType(value, 'a string', context);
    if (value.length < min) {
      context.error('InvalidValue', min === 1 ? 'is empty' : `is shorter than ${min} characters`);
      return NOTHING;
    }
    if (value.length > max && codePoints(value) > max) {
      context.error('InvalidValue', `has ${codePoints(value)} characters`, `use at most ${max}`);
      return NOTHING;
    }
    if (format !== undefined && !format.test(value)) {
      context.error('InvalidValue', `is ${show(value)}`, `it must be ${format.is}`);
      return NOTHING;
    }
    return value;
  };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Schema<T> {
  const set: ReadonlySet<unknown> = new Set(allowed);
  return (value, context) => {
    if (set.has(value)) return value as T;
    if (typeof value !== 'string') return wrongType(value, 'a string', context);
    const close = closest(value, allowed);
    const suggestion = close === undefined ? '' : `; did you mean ${close}?`;
    context.error('InvalidValue', `is ${show(value)}${suggestion}`, `it must be one of ${allowed.join(', ')}`);
    return NOTHING;
  };
}

export function integer(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Schema<number> {
  return (value, context) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType(value, 'a whole number', context);
    if (value < min || value > max) {
      const bounds = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
      context.error('InvalidValue', `is ${value}`, `it must be ${bounds}`);
      return NOTHING;
    }
    return value;
  };
}

export function oneOfNumbers<const T extends number>(...allowed: readonly T[]): Schema<T> {
  return (value, context) => {
    if ((allowed as readonly unknown[]).includes(value)) return value as T;
    if (typeof value !== 'number') return wrongType(value, 'a whole number', context);
    context.error('InvalidValue', `is ${value}`, `it must be one of ${allowed.join(', ')}`);
    return NOTHING;
  };
}

/** kubectl reads YAML 1.1's unquoted words as booleans; we parse YAML 1.2, where they arrive as strings. */
const YAML_1_1_BOOLEANS: Readonly<Record<string, boolean>> = {
  yes: true,
  Yes: true,
  YES: true,
  on: true,
  On: true,
  ON: true,
  no: false,
  No: false,
  NO: false,
  off: false,
  Off: false,
  OFF: false,
};

export const boolean: Schema<boolean> = (value, context) => {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && Object.hasOwn(YAML_1_1_BOOLEANS, value)) return YAML_1_1_BOOLEANS[value] as boolean;
  return wrongType(value, 'true or false', context);
};

/** A number, or the name of one: Kubernetes' IntOrString. */
export function integerOr(number: Schema<number>, name: Schema<string>): Schema<number | string> {
  return (value, context) => (typeof value === 'string' ? name(value, context) : number(value, context));
}

export function wrongType(value: unknown, expected: string, context: Context): never {
  const hint =
    expected === 'a string' && (typeof value === 'number' || typeof value === 'boolean')
      ? `quote it: "${value}"`
      : expected === 'a whole number' && typeof value === 'string' && /^\d+$/.test(value)
        ? `write it without quotes: ${value}`
        : `it must be ${expected}`;
  context.error('WrongType', `is ${show(value)}, not ${expected}`, hint);
  return NOTHING;
}
