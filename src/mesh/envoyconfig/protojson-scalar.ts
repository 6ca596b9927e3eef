import { ScalarType } from '@bufbuild/protobuf';
import { type Context, show } from '../../api/schema/index.ts';
import { isObject } from '../../lib/is-object.ts';

const ranges: Partial<Record<ScalarType, readonly [bigint, bigint]>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SINT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SFIXED32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.FIXED32]: [0n, 2n ** 32n - 1n],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.SINT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.SFIXED64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
  [ScalarType.FIXED64]: [0n, 2n ** 64n - 1n],
};

/** A single value in the JSON form of its scalar type; an error in the context where it is none. Gives the value back. */
export function checkScalar(type: ScalarType, value: unknown, context: Context): unknown {
  const wrong = (expected: string, hint?: string) => {
    context.error('WrongType', `is ${show(value)}, not ${expected}`, hint);
    return undefined;
  };
  switch (type) {
    case ScalarType.STRING:
      if (typeof value !== 'string')
        return wrong(
          'a string',
          typeof value === 'number' || typeof value === 'boolean' ? 'put it in quotes' : undefined,
        );
      if (!value.isWellFormed()) return wrong('valid Unicode');
      return value;
    case ScalarType.BOOL:
      return typeof value === 'boolean' ? value : wrong('true or false');
    case ScalarType.BYTES:
      if (typeof value === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) return value;
      return wrong('bytes in base64');
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return checkFloat(type, value) ? value : wrong('a number');
    default:
      return checkInteger(ranges[type] as readonly [bigint, bigint], value, context);
  }
}

function checkFloat(type: ScalarType, value: unknown): boolean {
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return true;
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return false;
  return type === ScalarType.DOUBLE || Number.isFinite(Math.fround(number));
}

function checkInteger([min, max]: readonly [bigint, bigint], value: unknown, context: Context): unknown {
  const text = typeof value === 'string' && /^-?\d{1,20}$/.test(value);
  if (!text && !(typeof value === 'number' && Number.isInteger(value))) {
    context.error('WrongType', `is ${show(value)}, not a whole number`);
    return undefined;
  }
  if (typeof value === 'number' && max > 2n ** 53n && !Number.isSafeInteger(value)) {
    context.error('InvalidValue', `is ${value}, which a number in YAML can't hold exactly`, 'put it in quotes');
    return undefined;
  }
  const number = BigInt(value as string | number);
  if (number < min || number > max) {
    context.error('InvalidValue', `is ${show(value)}`, `between ${min} and ${max}`);
    return undefined;
  }
  return value;
}

/** Ten thousand years, protobuf's own bound. */
const maxDurationSeconds = 315_576_000_000;

/**
 * Types of google.protobuf with a JSON form of their own. `undefined`: the type is none of them; else whether the value is
 * right, with an error in the context where it is not.
 */
export function checkWellKnown(typeName: string, value: unknown, context: Context): boolean | undefined {
  const expect = (right: boolean, expected: string, hint?: string) => {
    if (!right) context.error('WrongType', `is ${show(value)}, not ${expected}`, hint);
    return right;
  };
  switch (typeName) {
    case 'google.protobuf.Duration': {
      const match = typeof value === 'string' ? /^-?(\d{1,12})(\.\d{1,9})?s$/.exec(value) : null;
      const right = match !== null && Number(match[1]) <= maxDurationSeconds;
      return expect(right, 'a duration', 'write seconds, with an s: "5s", "0.25s"');
    }
    case 'google.protobuf.Timestamp': {
      const form = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
      const right = typeof value === 'string' && form.test(value) && !Number.isNaN(Date.parse(value));
      return expect(right, 'a time', 'as in RFC 3339: "2026-01-31T12:00:00Z"');
    }
    case 'google.protobuf.FieldMask':
      return expect(typeof value === 'string' && /^[A-Za-z0-9.,]*$/.test(value), 'field names, separated by commas');
    case 'google.protobuf.Struct':
      return expect(isObject(value), 'an object') && checkText(value, context);
    case 'google.protobuf.ListValue':
      return expect(Array.isArray(value), 'a list') && checkText(value, context);
    case 'google.protobuf.Value':
      return checkText(value, context);
    default:
      return undefined;
  }
}

/** Any JSON will do; but text has to be Unicode that can be encoded. */
function checkText(value: unknown, context: Context): boolean {
  const pending = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next === 'string' && !next.isWellFormed()) {
      context.error('WrongType', `holds ${show(next)}, which is not valid Unicode`);
      return false;
    }
    if (typeof next !== 'object' || next === null) continue;
    for (const [key, item] of Object.entries(next)) pending.push(key, item);
  }
  return true;
}
