/** For tests only: the names that objects share, so that they meet. */
import fc from 'fast-check';

export type Raw = Readonly<Record<string, unknown>>;

export const namespace = fc.constantFrom('default', 'default', 'default', 'default', 'team');
export const created = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z');
export const service = fc.constantFrom('web', 'web', 'db', 'gone');
export const host = fc.constantFrom('a.example.com', 'b.example.com', '*.example.com', 'c.test');
export const secretName = fc.constantFrom('cert', 'other', 'missing');

export function meta(names: readonly string[]): fc.Arbitrary<Raw> {
  return fc.record({ name: fc.constantFrom(...names), namespace, creationTimestamp: created });
}

export function ofKind(
  apiVersion: string,
  kind: string,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Raw> {
  return fc.record(fields).map((all) => JSON.parse(JSON.stringify({ apiVersion, kind, ...all })) as Raw);
}

export const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
