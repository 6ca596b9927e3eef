import assert from 'node:assert/strict';
import fc from 'fast-check';
import { milliseconds, oneOf, seconds, toggle, wholeNumber } from './annotation-values.ts';

describe('annotation values', () => {
  it('reads durations as Go does', () => {
    for (const [text, value] of [
      ['0', 0],
      ['10s', 10_000],
      ['1m30s', 90_000],
      ['1.5h', 5_400_000],
      ['250ms', 250],
      ['1us', 1],
      ['100µs', 1],
      ['10', undefined],
      ['-1s', undefined],
      ['1d', undefined],
      ['', undefined],
      ['s', undefined],
      ['1e3s', undefined],
      ['721h', undefined],
    ] as const)
      assert.equal(milliseconds.parse(text), value, text);
  });

  it('reads whole seconds with and without a unit', () => {
    const form = seconds(1, 100);
    for (const [text, value] of [
      ['10', 10],
      ['10s', 10],
      ['1m', 60],
      ['0', undefined],
      ['101', undefined],
      ['1.5s', undefined],
      ['ten', undefined],
    ] as const)
      assert.equal(form.parse(text), value, text);
  });

  it('reads words, switches and numbers, and nothing else', () => {
    assert.equal(toggle.parse('Enabled'), true);
    assert.equal(toggle.parse('F'), false);
    assert.equal(toggle.parse('yes'), undefined);
    assert.equal(oneOf('shared', 'dedicated').parse('SHARED'), 'shared');
    assert.equal(oneOf('shared', 'dedicated').parse('share'), undefined);
    assert.equal(wholeNumber(1, 65535).parse('65535'), 65535);
    for (const text of ['0', '65536', '1.0', '0x10', '١', '99999999999'])
      assert.equal(wholeNumber(1, 65535).parse(text), undefined, text);
  });

  it('never throws, and its numbers are whole and within bounds', () => {
    const forms = [milliseconds, seconds(1, 100), wholeNumber(1, 65535)];
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,12}(h|m|s|ms|µs)?$/));
    fc.assert(
      fc.property(text, fc.constantFrom(...forms), (value, form) => {
        const number = form.parse(value);
        assert.ok(number === undefined || (Number.isSafeInteger(number) && number >= 0));
      }),
    );
  });
});
