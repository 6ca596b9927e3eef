import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '../../lib/fault.ts';
import { jsonPath } from './jsonpath.ts';

const data = [
  { id: 17, state: 'ready', 'k8s-name': 'web', labels: ['a=1', 'b=2'], net: { ipv4: '10.0.0.17' } },
  { id: 18, state: 'not-ready', labels: [], net: { ipv4: '10.0.0.18' }, 'a.b': true },
];

describe('jsonpath', () => {
  it('selects as kubectl does', () => {
    const cases: [string, string][] = [
      ['{[*].id}', '17 18'],
      ['{[0].net.ipv4}', '10.0.0.17'],
      ['{[-1].id}', '18'],
      ["{[0]['k8s-name']}", 'web'],
      ['{[0].k8s-name}', 'web'],
      ['{[1].a\\.b}', 'true'],
      ['{[*].labels[*]}', 'a=1 b=2'],
      ['{[0].labels}', '["a=1","b=2"]'],
      ['{[0].labels[1:]}', 'b=2'],
      ['{[0].labels[0:1]}', 'a=1'],
      ['{..ipv4}', '10.0.0.17 10.0.0.18'],
      ['{[?(@.state=="ready")].id}', '17'],
      ["{[?(@.state!='ready')].id}", '18'],
      ['{[?(@.id>17)].id}', '18'],
      ['{[?(@.id<=17)].id}', '17'],
      ['{[?(@.a\\.b==true)].id}', '18'],
      ['{[?(@.k8s-name)].id}', '17'],
      ['{$[0].id}', '17'],
      ['ids: {[*].id}!', 'ids: 17 18!'],
      ['{range [*]}{.id}{"\\t"}{.state}{"\\n"}{end}', '17\tready\n18\tnot-ready\n'],
      ['{range [*]}{range .labels[*]}{.}{","}{end}{end}', 'a=1,b=2,'],
      ['{[*].nothing.at.all}', ''],
      ['{[0].net.*}', '10.0.0.17'],
      ['{"}"}', '}'],
      ['{[0].constructor}', ''],
    ];
    for (const [template, expected] of cases) assert.equal(jsonPath(template, data), expected, template);
  });

  it('says what is wrong', () => {
    for (const template of ['{', '{range [*]}', '{end}', '{id}', '{.a[}', '{"}', '{.a b}'])
      assert.throws(() => jsonPath(template, data), Fault, template);
  });

  it('gives text or a Fault for any template', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '.',
      '*',
      '..',
      'id',
      '"',
      "'",
      '0',
      ':',
      '?(@',
      ')',
      '==',
      'range ',
      'end',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          assert.equal(typeof jsonPath(pieces.join(''), data), 'string');
        } catch (error) {
          assert.ok(error instanceof Fault, String(error));
        }
      }),
    );
  });
});
