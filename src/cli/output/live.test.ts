import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { Applied } from '../../agent/watcher.ts';
import type { Diagnostic } from '../../api/index.ts';
import { LiveReport, summariseChanges } from './live.ts';
import { plain } from './table.ts';

const ref = (kind: string, name: string) => ({ group: '', kind, namespace: 'default', name });
const applied = (milliseconds: number, ...changes: [op: 'set' | 'delete', kind: string, name: string][]): Applied => ({
  milliseconds,
  changes: changes.map(([op, kind, name]) => ({ op, ref: ref(kind, name) })),
});
const diagnostic = (name: string): Diagnostic => ({
  ...{ severity: 'error', reason: 'Wrong', message: 'is wrong' },
  object: ref('Service', name),
});

describe('live report', () => {
  let written: string;
  /** A function, as assertions would narrow a variable's type. */
  const text = () => written;
  let live: LiveReport;
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    written = '';
    live = new LiveReport((part) => {
      written += part;
    }, plain);
  });
  afterEach(() => mock.timers.reset());

  it('says what a long start is busy with, and nothing of a short one', () => {
    live.stage('reading k8s');
    mock.timers.tick(1999);
    assert.equal(text(), '');
    mock.timers.tick(1);
    live.stage('waiting for Envoy');
    mock.timers.tick(2000);
    assert.equal(text(), '... reading k8s\n... waiting for Envoy\n');
    live.started();
    mock.timers.tick(60_000);
    assert.equal(text(), '... reading k8s\n... waiting for Envoy\n');
  });

  it('tells each diagnostic once: not what the list of the start had', () => {
    live.diagnostics([diagnostic('a')], []);
    assert.equal(text(), '');
    live.started([diagnostic('a')]);
    live.diagnostics([diagnostic('a'), diagnostic('b')], []);
    assert.equal(text(), '\nerror: Service default/b: is wrong [Wrong]\n');
    live.diagnostics([diagnostic('b')], []);
    assert.equal(text().split('error').length, 2);
  });

  it('tells what is resolved, and tells it again when it comes back', () => {
    live.started([diagnostic('a')]);
    live.diagnostics([], [diagnostic('a')]);
    assert.match(text(), /^\d\d:\d\d:\d\d resolved: Service default\/a: is wrong \[Wrong\]\n$/);
    live.diagnostics([diagnostic('a')], []);
    assert.match(text(), /\nerror: Service default\/a/);
    const many = ['a', 'b', 'c', 'd'].map(diagnostic);
    live.diagnostics([], many);
    assert.match(text(), /resolved: 4 diagnostics\n$/);
  });

  it('makes one line of a burst of edits', () => {
    live.started();
    live.applied(applied(5, ['set', 'Service', 'a']));
    live.applied(applied(7, ['set', 'Service', 'b']));
    assert.equal(text(), '');
    mock.timers.tick(100);
    assert.match(text(), /^\d\d:\d\d:\d\d Service default\/a, Service default\/b changed, in force after 7\.0 ms\n$/);
    live.applied(applied(1, ['set', 'Service', 'c']));
    mock.timers.tick(100);
    assert.match(text(), /\n\S+ Service default\/c changed, in force after 1\.0 ms\n$/);
  });
});

describe('summary of changes', () => {
  it('names a few objects, and what came of each last', () => {
    const changes = [
      applied(12.3, ['set', 'Service', 'a'], ['set', 'Pod', 'b']),
      applied(4, ['delete', 'Service', 'a']),
    ];
    assert.equal(summariseChanges(changes), 'Service default/a removed; Pod default/b changed, in force after 12 ms');
  });

  it('counts many by kind', () => {
    const many = applied(
      250.6,
      ...['a', 'b', 'c'].map((name) => ['set', 'Service', name] as [op: 'set', kind: string, name: string]),
      ['delete', 'HTTPRoute', 'd'],
    );
    assert.equal(
      summariseChanges([many]),
      '4 objects changed or removed (3 Service, 1 HTTPRoute), in force after 251 ms',
    );
  });
});
