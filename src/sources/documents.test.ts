import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseDocument, splitDocuments } from './documents.ts';
import { Positions } from './positions.ts';

const values = (text: string): unknown[] =>
  splitDocuments(text).flatMap((document) => {
    const parsed = parseDocument(document.text);
    assert.ok('values' in parsed, 'problem' in parsed ? parsed.problem.diagnostic.message : '');
    return parsed.values;
  });

const problem = (text: string): string => {
  const parsed = parseDocument(text);
  assert.ok('problem' in parsed, 'it was accepted');
  return parsed.problem.diagnostic.message;
};

describe('splitDocuments', () => {
  it('cuts at markers, and leaves out what is blank', () => {
    const text = '# hello\n---\na: 1\n--- # two\nb: 2\n---\n# nothing\n---\n\n--- {c: 3}\n...\n# end\n';
    assert.deepEqual(values(text), [{ a: 1 }, { b: 2 }, { c: 3 }]);
    assert.deepEqual(
      splitDocuments(text).map(({ line, column }) => [line, column]),
      [
        [2, 1],
        [4, 1],
        [10, 1],
      ],
    );
  });

  it('takes no marker within a line, or indented, for one', () => {
    assert.deepEqual(values('a: ---\nb: |\n  ---\n  ...\nc: ---x\n'), [{ a: '---', b: '---\n...\n', c: '---x' }]);
  });

  it('reads every kind of line end, and a byte order mark', () => {
    assert.deepEqual(values('\ufeffa: 1\r\n---\r\nb: 2\r\n'), [{ a: 1 }, { b: 2 }]);
    assert.deepEqual(values('a: 1\r---\rb: 2\r'), [{ a: 1 }, { b: 2 }]);
  });

  it('reads JSON: objects, arrays, and values one after another', () => {
    assert.deepEqual(values('{"a":1}'), [{ a: 1 }]);
    assert.deepEqual(values('[{"a":1},{"b":2}]'), [[{ a: 1 }, { b: 2 }]]);
    assert.deepEqual(values('{"a":"}{\\""}\n{"b":[2]}{"c":3}\n'), [{ a: '}{"' }, { b: [2] }, { c: 3 }]);
    assert.deepEqual(values('{\n\t"a":\t1\n}'), [{ a: 1 }]);
    const places = splitDocuments('{"a":1}\n {"b":2} {"c":3}').map(({ line, column }) => [line, column]);
    assert.deepEqual(places, [
      [1, 1],
      [2, 2],
      [2, 10],
    ]);
  });

  it('loses nothing of what is not blank', () => {
    const line = fc.constantFrom(
      '---',
      '--- # c',
      '...',
      'a: 1',
      '  b',
      '{"a":1}',
      '[1] [2]',
      '# c',
      '',
      '%YAML 1.2',
      '"x',
      '{',
    );
    const text = fc.array(fc.oneof(line, fc.string()), { maxLength: 30 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, (input) => {
        let end = 0;
        for (const document of splitDocuments(input)) {
          assert.ok(document.offset >= end);
          assert.equal(input.slice(document.offset, document.offset + document.text.length), document.text);
          const before = input.slice(0, document.offset).replace(/^\ufeff/, '');
          assert.equal(document.line, before.split('\n').length);
          end = document.offset + document.text.length;
        }
      }),
    );
  });
});

describe('parseDocument', () => {
  it('reads YAML 1.2, with merge keys, and times as text', () => {
    const text = 'a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nt: 2024-01-01T00:00:00Z\ny: yes\no: 0o10\nn: ~\n';
    assert.deepEqual(values(text), [
      { a: { x: 1, y: 2 }, b: { x: 1, y: 3 }, t: '2024-01-01T00:00:00Z', y: 'yes', o: 8, n: null },
    ]);
  });

  it('refuses duplicate keys, in YAML and in JSON', () => {
    assert.match(problem('a: 1\na: 2\n'), /duplicated/);
    assert.match(problem('{"a":1,"a":2}'), /duplicated/);
  });

  it('refuses what it does not know, and more aliases than it wants', () => {
    assert.match(problem('a: !thing 1'), /tag/);
    assert.match(problem('a: *b'), /alias/);
    assert.match(problem(`a: &a 1\nb: [${'*a,'.repeat(1001)}]`), /alias/i);
    assert.match(problem('['.repeat(1000)), /depth/i);
    assert.match(problem('a: \0'), /null byte/);
  });

  it('never throws', () => {
    const bits = [
      '---',
      '- ',
      ': ',
      '? ',
      '&a',
      '*a',
      '!!',
      '|',
      '>',
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      ',',
      '\n',
      '  ',
      '\t',
      '#',
      '%',
      '<<',
      '\\',
      'a',
      '\0',
      '\u2028',
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.array(fc.constantFrom(...bits), { maxLength: 80 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        for (const document of splitDocuments(input)) {
          const parsed = parseDocument(document.text);
          const positions = new Positions(document);
          if ('problem' in parsed) assert.ok(positions.at(parsed.problem.offset).line >= document.line);
          assert.ok(positions.of('spec.a[0]').column >= 1);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('Positions', () => {
  const text = 'a: 1\nlist:\n  - name: "x"\n    deep: {k: v}\n  -\n    - y\n"q.r/s": 5\n<<: {m: 1}\n';
  const positions = new Positions({ text, offset: 0, line: 10, column: 1 });
  const at = (field: string, of?: 'key' | 'value') => {
    const { line, column } = positions.of(field, of);
    return `${line}:${column}`;
  };

  it('points at values, and at the keys of collections', () => {
    assert.deepEqual(
      ['a', 'list', 'list[0].name', 'list[0].deep.k', 'list[1][0]', '["q.r/s"]'].map((f) => at(f)),
      ['10:4', '11:1', '12:11', '13:15', '15:7', '16:10'],
    );
  });

  it('points at keys where asked', () => {
    assert.deepEqual([at('a', 'key'), at('["q.r/s"]', 'key')], ['10:1', '16:1']);
  });

  it('points at the closest thing there is', () => {
    assert.deepEqual([at('list[0].deep.nope'), at('list[7].x'), at('nope'), at('m')], ['13:5', '11:1', '10:1', '17:9']);
  });
});
