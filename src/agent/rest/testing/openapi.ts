import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly additionalProperties?: Schema;
}
interface Operation {
  readonly responses: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

/** The description of the Cilium agent's API, which is read from where others keep it: not ours to copy. */
export const description = load(
  readFileSync(new URL('../../../../../shared/inputs/agent-openapi-1.12.yaml', import.meta.url), 'utf8'),
) as Description;

/**
 * Fails unless the answer is one that the description has for the operation: status, and body by its schema. Stricter than the
 * description: a property that it does not have is wrong, too.
 */
export function checkAnswer(method: string, path: string, status: number, text: string): void {
  const operation = description.paths[path]?.[method.toLowerCase()];
  assert.ok(operation, `the description has no ${method} ${path}`);
  const response = operation.responses[String(status)];
  assert.ok(response, `${method} ${path}: ${status} is none of its answers: ${text}`);
  if (response.schema === undefined) return;
  const wrong: string[] = [];
  validate(response.schema, JSON.parse(text), 'body', wrong);
  assert.deepEqual(wrong, [], `${method} ${path}`);
}

function validate(schema: Schema, value: unknown, at: string, wrong: string[]): void {
  if (schema.$ref !== undefined) {
    const definition = description.definitions[schema.$ref.replace('#/definitions/', '')];
    assert.ok(definition, schema.$ref);
    validate(definition, value, at, wrong);
    return;
  }
  const type = schema.type ?? (schema.properties === undefined ? undefined : 'object');
  if (type === 'object') validateObject(schema, value, at, wrong);
  else if (type === 'array') {
    if (!Array.isArray(value)) wrong.push(`${at} is no array`);
    else if (schema.items !== undefined)
      for (const [i, item] of value.entries()) validate(schema.items, item, `${at}[${i}]`, wrong);
  } else if (type === 'string') {
    if (typeof value !== 'string') wrong.push(`${at} is no string`);
    else if (schema.enum !== undefined && !schema.enum.includes(value)) wrong.push(`${at} is ${value}`);
    else if (schema.format === 'date-time' && !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value))
      wrong.push(`${at} is ${value}`);
  } else if (type === 'integer') {
    if (!Number.isSafeInteger(value)) wrong.push(`${at} is no integer`);
    else if (schema.format === 'uint16' && !((value as number) >= 0 && (value as number) <= 0xffff))
      wrong.push(`${at} is ${value}`);
  } else if (type === 'number') {
    if (typeof value !== 'number') wrong.push(`${at} is no number`);
  } else if (type === 'boolean') {
    if (typeof value !== 'boolean') wrong.push(`${at} is no boolean`);
  }
}

function validateObject(schema: Schema, value: unknown, at: string, wrong: string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    wrong.push(`${at} is no object`);
    return;
  }
  for (const name of schema.required ?? []) if (!Object.hasOwn(value, name)) wrong.push(`${at}.${name} is missing`);
  for (const [name, field] of Object.entries(value)) {
    const known = schema.properties?.[name] ?? schema.additionalProperties;
    if (known === undefined) wrong.push(`${at}.${name} is not in the description`);
    else validate(known, field, `${at}.${name}`, wrong);
  }
}
