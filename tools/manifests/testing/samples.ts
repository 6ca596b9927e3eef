import fc from 'fast-check';
import { mutate, mutation } from '../../../src/api/testing/mutate.ts';
import { rawCiliumPolicy, rawClusterwidePolicy } from '../../../src/api/testing/policies.ts';
import type { CrdSource } from '../crd.ts';
import type { Schema } from '../schema.ts';
import { violations } from './structural.ts';

/** Words that a format, a pattern or a rule may stumble over. */
const WORDS = [
  '',
  'a',
  'my-service',
  '-a',
  'A',
  'a.b',
  'é',
  'a'.repeat(63),
  'a'.repeat(64),
  '80',
  'http',
  '10.0.0.0/24',
  '10.0.0.0/33',
  '2001:db8::/64',
  '10.0.0.1',
  '10.0.0.9',
  '10.0.0.256',
  '2001:db8::1',
  'fe80::1%eth0',
  'example.com/key',
  '/key',
  'In',
  'NotIn',
  'Exists',
  'DoesNotExist',
  'in',
  'Yes',
  'No',
] as const;
const odd = fc.constantFrom<unknown>(null, 0, 80, -1, 65536, 1.5, true, false, [], {}, [null], { a: 1 }, ...WORDS);

/** Mostly what the schema takes, now and then something else: both sides of each border are met. */
function sampleOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const right = (): fc.Arbitrary<unknown> => {
    switch (schema.type) {
      case 'object':
        return objectOf(schema, depth);
      case 'array':
        return fc.array(sampleOf(schema.items ?? {}, depth + 1), { maxLength: 2 });
      case 'integer':
        return fc.constantFrom(1, 80, 65535);
      case 'boolean':
        return fc.boolean();
      default:
        return wordOf(schema);
    }
  };
  // kubectl makes booleans of YAML 1.1's words before the API server sees them, and the parser does it itself.
  const wrong = schema.type === 'boolean' ? odd.filter((value) => value !== 'Yes' && value !== 'No') : odd;
  return fc.oneof({ weight: 24, arbitrary: right() }, { weight: 1, arbitrary: wrong });
}

function wordOf(schema: Schema): fc.Arbitrary<string> {
  const fit = (schema.enum ?? WORDS).filter((word) => violations(schema, word).length === 0);
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...fit) },
    { weight: 1, arbitrary: fc.constantFrom(...WORDS) },
  );
}

function objectOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  if (additionalProperties !== undefined)
    return fc.dictionary(fc.constantFrom('app', 'tier', 'example.com/key'), sampleOf(additionalProperties, depth + 1), {
      maxKeys: 2,
    });
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, each]) => [name, sampleOf(each, depth + 1)]),
  ) as Record<string, fc.Arbitrary<unknown>>;
  const known = fc.record(fields, { requiredKeys: [] });
  const filled =
    required.length === 0
      ? known
      : fc.tuple(known, fc.record(pick(fields, required))).map(([a, b]) => ({ ...a, ...b }));
  return fc.oneof(
    { weight: 20, arbitrary: filled },
    { weight: 1, arbitrary: known },
    ...(depth === 0 ? [] : [{ weight: 1, arbitrary: filled.map((object) => ({ ...object, misspelt: 1 })) }]),
  );
}

function pick<T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, from[name] as T]));
}

/** Of kinds whose rules are so many that hardly anything made by chance keeps all of them: right ones, and these with a change or two. */
const made: Readonly<Record<string, fc.Arbitrary<object>>> = {
  CiliumNetworkPolicy: rawCiliumPolicy,
  CiliumClusterwideNetworkPolicy: rawClusterwidePolicy,
};

/** Whole objects of the kind, right and wrong. */
export function samplesOf(source: CrdSource): fc.Arbitrary<Record<string, unknown>> {
  const { kind, versions, namespaced, spec, more = {}, status, ownStatus } = source;
  const written = { ...(spec && { spec }), ...more, ...(ownStatus && status && { status }) };
  const name = kind === 'CiliumIdentity' ? '4711' : 'sample';
  const metadata = { name, ...(namespaced ? { namespace: 'default' } : {}) };
  const raw = made[kind];
  const fields = raw === undefined ? objectOf(fieldsOf(written, source.required), 0) : changed(raw);
  return fc
    .tuple(fc.constantFrom(...versions), fields)
    .map(([version, rest]) => ({ ...(rest as object), apiVersion: `cilium.io/${version}`, kind, metadata }));
}

const fieldsOf = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = ['spec']): Schema => ({
  type: 'object',
  properties,
  required: required.filter((field) => field in properties),
  'x-kubernetes-preserve-unknown-fields': true,
});

function changed(raw: fc.Arbitrary<object>): fc.Arbitrary<object> {
  return fc.tuple(raw, fc.array(mutation, { maxLength: 2 })).map(([object, mutations]) => {
    const {
      apiVersion: _apiVersion,
      kind: _kind,
      metadata: _metadata,
      ...rest
    } = structuredClone(object) as Record<string, unknown>;
    // The fields themselves stay: another one next to them is nothing that a schema of theirs is about.
    for (const each of mutations) for (const field of Object.values(rest)) mutate(field, each);
    // What is no JSON cannot be written.
    return JSON.parse(JSON.stringify(rest)) as object;
  });
}
