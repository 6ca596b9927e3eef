import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { Diagnostic } from '../api/index.ts';
import { createLog } from '../lib/log.ts';
import { Store } from '../store/index.ts';
import { followDiagnostics, logDiagnostics } from './diagnostics-log.ts';

const diagnostic = (name: string, severity: Diagnostic['severity'] = 'error'): Diagnostic => ({
  severity,
  reason: 'Wrong',
  message: `${name} is wrong`,
  hint: 'make it right',
  object: { group: '', kind: 'Service', namespace: 'default', name },
  field: 'spec',
  location: { file: 'a.yaml', line: 2, column: 3 },
});

function logged() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: 'info',
    format: 'json',
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  return { lines, log };
}

describe('diagnostics as they come and go', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  function rig() {
    const store = new Store({ schedule: () => {} });
    const table = store.table<readonly Diagnostic[]>('diagnostics');
    const told: { appeared: string[]; resolved: string[] }[] = [];
    const names = (list: readonly Diagnostic[]) => list.map(({ object }) => object?.name ?? '');
    const following = followDiagnostics(
      [table],
      () => [...table.values()].flat(),
      (appeared, resolved) => told.push({ appeared: names(appeared), resolved: names(resolved) }),
    );
    return {
      told,
      following,
      set(...list: string[]) {
        table.set(
          'all',
          list.map((name) => diagnostic(name)),
        );
        store.flush();
      },
    };
  }

  it('are told once a burst is over: what stands then', () => {
    const { told, set } = rig();
    set('a');
    set('a', 'b');
    set('b', 'c');
    assert.deepEqual(told, []);
    mock.timers.tick(100);
    assert.deepEqual(told, [{ appeared: ['b', 'c'], resolved: [] }]);
  });

  it('are told when they are gone, and not again while they stay', () => {
    const { told, set } = rig();
    set('a', 'b');
    mock.timers.tick(100);
    set('b');
    mock.timers.tick(100);
    assert.deepEqual(told.slice(1), [{ appeared: [], resolved: ['a'] }]);
    set('b');
    mock.timers.tick(100);
    assert.equal(told.length, 2);
  });

  it('are not told after the end', () => {
    const { told, set, following } = rig();
    set('a');
    following.close();
    mock.timers.tick(100);
    set('b');
    mock.timers.tick(100);
    assert.deepEqual(told, []);
  });
});

describe('diagnostics in the log', () => {
  it('have their place, object, reason and hint as fields', () => {
    const { lines, log } = logged();
    logDiagnostics(log)([diagnostic('a'), diagnostic('b', 'warning')], [diagnostic('c')]);
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        ['error', 'a is wrong'],
        ['warn', 'b is wrong'],
        ['info', 'resolved: c is wrong'],
      ],
    );
    const { at, object, field, reason, hint } = lines[0] ?? {};
    assert.deepEqual(
      [at, object, field, reason, hint],
      ['a.yaml:2:3', 'Service default/a', 'spec', 'Wrong', 'make it right'],
    );
  });

  it('are counted where 10,000 come at once', () => {
    const { lines, log } = logged();
    logDiagnostics(log)(
      Array.from({ length: 10_000 }, (_, i) => diagnostic(String(i))),
      [],
    );
    assert.equal(lines.length, 51);
    assert.match(String(lines.at(-1)?.msg), /9950 more/);
  });
});
