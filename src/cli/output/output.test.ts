import assert from 'node:assert/strict';
import fc from 'fast-check';
import { load } from 'js-yaml';
import type { Diagnostic } from '../../api/index.ts';
import { formatDiagnostic, formatDiagnostics, summarise } from './diagnostics.ts';
import { formatData } from './format.ts';
import { formatStart, mostRows } from './start.ts';
import { formatTable, plain, printable, styleFor } from './table.ts';

const diagnostic: Diagnostic = {
  severity: 'error',
  reason: 'InvalidValue',
  message: 'is 0',
  hint: 'a port is 1 to 65535',
  object: { group: 'networking.k8s.io', kind: 'Ingress', namespace: 'default', name: 'shop' },
  field: 'spec.port',
  location: { file: 'a b.yaml', line: 12, column: 7 },
};

describe('tables', () => {
  it('align their columns, and pad no line end', () => {
    const text = formatTable(
      ['A', 'LONGER', 'C'],
      [
        ['wide cell', 'x', 'end'],
        ['y', '', ''],
      ],
    );
    assert.equal(text, 'A          LONGER  C\nwide cell  x       end\ny\n');
  });

  it('hold one row in one line, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 3, maxLength: 3 })), (rows) => {
        const lines = formatTable(['A', 'B', 'C'], rows).split('\n');
        assert.equal(lines.length, rows.length + 2);
      }),
    );
  });

  it('let nothing through that drives a terminal', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
    const control = /[\u0000-\u001f\u007f-\u009f]/;
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.doesNotMatch(printable(text), control)));
    assert.equal(printable('a\u001b[31mb\n\tc'), 'a\ufffd[31mb  c');
  });
});

describe('colour', () => {
  it('is for terminals that want it', () => {
    assert.notEqual(styleFor({ isTTY: true }, {}), plain);
    assert.equal(styleFor({ isTTY: true }, { NO_COLOR: '1' }), plain);
    assert.equal(styleFor({ isTTY: true }, { TERM: 'dumb' }), plain);
    assert.equal(styleFor({ isTTY: false }, {}), plain);
    assert.equal(styleFor({}, {}), plain);
    assert.notEqual(styleFor({ isTTY: true }, { NO_COLOR: '' }), plain);
  });
});

describe('diagnostics', () => {
  it('are as compilers print them', () => {
    assert.equal(
      formatDiagnostic(diagnostic, plain),
      'a b.yaml:12:7: error: Ingress default/shop: spec.port: is 0 [InvalidValue]\n  hint: a port is 1 to 65535\n',
    );
    const { hint, location, object, field, ...bare } = diagnostic;
    assert.ok(hint && location && object && field);
    assert.equal(formatDiagnostic({ ...bare, severity: 'warning' }, plain), 'warning: is 0 [InvalidValue]\n');
  });

  it('name a field once', () => {
    const text = formatDiagnostic({ ...diagnostic, message: 'spec.port is 0' }, plain);
    assert.match(text, /error: Ingress default\/shop: spec\.port is 0 \[/);
  });

  it('are counted where they are many', () => {
    const many = Array.from({ length: 7 }, (): Diagnostic => ({ ...diagnostic, severity: 'warning' }));
    assert.match(formatDiagnostics(many, plain, 5), /\n\.\.\. and 2 more\n$/);
    assert.doesNotMatch(formatDiagnostics(many, plain, 7), /more/);
    assert.equal(summarise([diagnostic, ...many]), '1 error, 7 warnings');
    assert.equal(summarise([]), '0 errors, 0 warnings');
  });
});

describe('data', () => {
  it('reads back as it was', () => {
    const value = { a: [1, 'two', { b: null, c: true }], text: 'on\nmore: lines', no: 'no' };
    assert.deepEqual(JSON.parse(formatData(value, 'json')), value);
    assert.deepEqual(load(formatData(value, 'yaml')), value);
    for (const format of ['json', 'yaml'] as const) assert.match(formatData(value, format), /[^\n]\n$/);
  });
});

describe('the text of a start', () => {
  const row = {
    ...{ listener: 'http://127.0.0.1:80', host: 'a.org', match: '/*', to: 's', owner: 'Ingress default/a' },
    features: [],
  };
  const started = { paths: ['k8s'], rows: [row], trials: [], diagnostics: [], statusCommand: 'sluice status' };

  it('is what is served, what to try, and what is wrong', () => {
    const text = formatStart(
      { ...started, trials: [{ title: 'Host', commands: ['curl a', 'curl b'] }], diagnostics: [diagnostic] },
      12,
      plain,
    );
    assert.match(text, /^\nLISTENER +HOST +MATCH +TO +FROM\nhttp:\/\/127\.0\.0\.1:80 +a\.org/);
    assert.match(text, /\nTry:\n {2}Host\n {4}curl a\n {4}curl b\n/);
    assert.match(text, /\n1 error, 0 warnings:\na b\.yaml:12:7: error:/);
    assert.match(text, /\nReady after 12 ms\. .*`sluice status`.*Ctrl-C ends it\.\n$/);
  });

  it('says what to do where nothing is served', () => {
    const text = formatStart({ ...started, rows: [] }, 1, plain);
    assert.doesNotMatch(text, /LISTENER/);
    assert.match(text, /Nothing is served yet\. Put Kubernetes YAML .* k8s: .*examples\/quickstart/s);
  });

  it('says where the rest is of a long table, and marks what Envoy refused', () => {
    const rows = Array.from({ length: mostRows + 1 }, () => ({ ...row, refused: true as const }));
    const text = formatStart({ ...started, rows }, 1, plain);
    assert.equal(text.split('(refused)').length - 1, mostRows);
    assert.match(text, /\n\.\.\. and more: `sluice translate k8s`/);
  });
});
