import fc from 'fast-check';

/** All places in a value: paths to its parts. */
function places(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, inner]) => places(inner, [...path, key]))];
}

export type Mutation = {
  readonly seed: number;
  readonly act: 'replace' | 'remove' | 'add' | 'double';
  readonly value: unknown;
  readonly name: string;
};

/** One change somewhere in `root`, which is changed and given back. */
export function mutate(root: unknown, { seed, act, name, ...rest }: Mutation): unknown {
  // A copy: a later change would otherwise be one of all that have the value.
  const value = structuredClone(rest.value);
  const all = places(root).slice(1);
  const path = all[seed % all.length];
  if (path === undefined) return root;
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], root);
  const target = parent as Record<string | number, unknown>;
  const key = path.at(-1) as string | number;
  if (act === 'replace') target[key] = value;
  else if (act === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete target[key];
  } else if (act === 'add') {
    if (Array.isArray(parent)) parent.push(value);
    else Object.defineProperty(parent, name, { value, enumerable: true, configurable: true, writable: true });
  } else if (Array.isArray(parent)) parent.push(structuredClone(target[key]));
  else target[`${key}2`] = structuredClone(target[key]);
  return root;
}

const nasty = fc.constantFrom(
  '',
  ' ',
  '*',
  '*.',
  '/',
  '//',
  '/..',
  '%',
  '%2',
  '\n',
  '\0',
  '-',
  'a'.repeat(300),
  'A',
  '1.2.3.4',
  '::1',
  '10s',
  '-1s',
  '99999h',
  'é',
  '\ud800',
  '__proto__',
  0,
  -1,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  0.5,
  null,
  true,
  [],
  {},
  [[]],
  [null],
);
export const mutation: fc.Arbitrary<Mutation> = fc.record({
  seed: fc.nat(),
  act: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const, 'double' as const),
  value: fc.oneof(nasty, fc.jsonValue({ maxDepth: 3 })),
  name: fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('__proto__', 'constructor', 'spec', 'name', 'status')),
});
