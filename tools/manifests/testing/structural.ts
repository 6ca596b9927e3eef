import { isIPv4, isIPv6 } from 'node:net';
import { evaluate } from '@marcbachmann/cel-js';
import { parseCidr } from '../../../src/lib/ip-address.ts';
import { isObject } from '../../../src/lib/is-object.ts';
import type { Schema } from '../schema.ts';

const FORMATS: Readonly<Record<string, (value: string) => boolean>> = {
  cidr: (value) => parseCidr(value) !== undefined,
  ipv4: isIPv4,
  ipv6: (value) => isIPv6(value) && !value.includes('%'),
};

/**
 * What an API server refuses in a custom resource, when it is asked to be strict about unknown fields, as kubectl asks it:
 * paths with what is wrong there. e2e/install-crds.test.ts holds a real API server against the same objects.
 */
export function violations(schema: Schema, value: unknown, path = ''): string[] {
  const wrong = (what: string) => [`${path}: ${what}`];
  // As the API server's own validator: a format takes the place of the type for lists.
  if (schema.format !== undefined && Array.isArray(value)) return [];
  if (schema.type !== undefined && typeOf(value, schema.type) !== schema.type) return wrong(`is no ${schema.type}`);
  const found: string[] = [];
  if (typeof value === 'string') {
    const { enum: allowed, pattern, format, minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
    if (allowed !== undefined && !allowed.includes(value)) found.push(...wrong('is none of the values'));
    if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) found.push(...wrong('does not match'));
    if (format !== undefined && FORMATS[format]?.(value) === false) found.push(...wrong(`is no ${format}`));
    const length = [...value].length;
    if (length < minLength || length > maxLength) found.push(...wrong('is too short or too long'));
  }
  if (typeof value === 'number') {
    if (schema['x-kubernetes-int-or-string'] && !Number.isInteger(value)) found.push(...wrong('is no integer'));
    const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
    if (value < minimum || value > maximum) found.push(...wrong('is out of range'));
  }
  const { anyOf, items } = schema;
  if (anyOf !== undefined && !anyOf.some((each) => violations(alternative(each), value).length === 0))
    found.push(...wrong('matches none of the forms'));
  if (Array.isArray(value) && value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY))
    found.push(...wrong('has too many items'));
  if (Array.isArray(value) && items !== undefined)
    found.push(...value.flatMap((item, i) => violations(items, item, `${path}[${i}]`)));
  if (isObject(value)) found.push(...objectViolations(schema, value, path));
  // Rules run only over what is right by itself.
  if (found.length > 0) return found;
  for (const { rule, message } of schema['x-kubernetes-validations'] ?? [])
    if (evaluate(rule, { self: withoutNulls(value) }) !== true) found.push(...wrong(message));
  return found;
}

/** Which fields there are is for the schema itself to say. */
const alternative = (schema: Schema): Schema => ({ ...schema, 'x-kubernetes-preserve-unknown-fields': true });

function objectViolations(schema: Schema, value: Readonly<Record<string, unknown>>, path: string): string[] {
  const found: string[] = [];
  const { properties = {}, additionalProperties, required = [] } = schema;
  for (const name of required)
    if (value[name] === undefined || value[name] === null) found.push(`${path}.${name}: is missing`);
  for (const [name, each] of Object.entries(value)) {
    const at = `${path}.${name}`;
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const described = known ?? additionalProperties;
    // null stands for absent where a field or a map's values are described; nothing of ours is nullable.
    if (described !== undefined) found.push(...(each === null ? [] : violations(described, each, at)));
    else if (!schema['x-kubernetes-preserve-unknown-fields']) found.push(`${at}: is unknown`);
  }
  return found;
}

function withoutNulls(value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null)) : value;
}

function typeOf(value: unknown, wanted: string): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return wanted === 'integer' && Number.isInteger(value) ? 'integer' : typeof value;
}
