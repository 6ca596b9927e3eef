import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Diagnostic } from '../api/index.ts';
import { Store } from '../store/index.ts';
import { collectDiagnostics, located } from './report.ts';

const object = (name: string) => ({ group: '', kind: 'Service', namespace: 'default', name });
const diagnostic = (rest: Partial<Diagnostic> = {}): Diagnostic => ({
  ...{ severity: 'error', reason: 'Wrong', message: 'is wrong' },
  ...rest,
});
const at = (file: string, line = 1) => ({ location: { file, line, column: 1 } });

describe('report', () => {
  it('has errors first, then by file and line', () => {
    const order = [
      diagnostic({ message: 'without a place' }),
      diagnostic(at('a.yaml', 9)),
      diagnostic(at('b.yaml', 2)),
      diagnostic({ ...at('b.yaml', 10), object: object('a') }),
      diagnostic({ ...at('b.yaml', 10), object: object('b') }),
      diagnostic({ severity: 'warning', ...at('a.yaml', 1) }),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(order, { minLength: order.length }), (shuffled) => {
        assert.deepEqual(
          collectDiagnostics(shuffled, [], () => undefined),
          order,
        );
      }),
    );
  });

  it('places what translators found, at the field or else at the object', () => {
    const store = new Store({ schedule: () => {} });
    const table = store.table<readonly Diagnostic[]>('diagnostics');
    table.set('x', [
      diagnostic({ object: object('a'), field: 'spec.a' }),
      diagnostic({ object: object('a'), field: 'no' }),
    ]);
    store.flush();
    const found = collectDiagnostics([], [table], (_ref, field) =>
      field === 'no' ? undefined : { file: 'a.yaml', line: field === undefined ? 1 : 7, column: 3 },
    );
    assert.deepEqual(
      found.map(({ field, location }) => [field, location?.line]),
      [
        ['no', 1],
        ['spec.a', 7],
      ],
    );
  });

  it('leaves a place that is known as it is', () => {
    const placed = diagnostic({ ...at('a.yaml'), object: object('a') });
    assert.equal(
      located(placed, () => assert.fail('asked')),
      placed,
    );
    const homeless = diagnostic();
    assert.equal(
      located(homeless, () => assert.fail('asked')),
      homeless,
    );
  });
});
