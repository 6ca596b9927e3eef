import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { checkRegex, quoteRegex } from './regex.ts';

describe('regex', () => {
  it('accepts what RE2 accepts', () => {
    for (const pattern of [
      '/api/v[0-9]+/.*',
      '(?i)abc',
      '\\d{1,3}\\pL',
      '(?P<x>a|b)*?',
      '[[:alpha:]]',
      '',
      '\\x{ff}',
      '\\\\x{100}',
      '日本',
      '\\p{Greek}',
    ]) {
      assert.equal(checkRegex(pattern), undefined, pattern);
    }
  });

  it('says what RE2 refuses, the second time too', () => {
    for (const pattern of [
      '(',
      '[a',
      'a**',
      '(?=a)',
      '(?<!a)b',
      '(a)\\1',
      'a{1001}',
      '\\',
      '*',
      '\\x{100}',
      '[a\\x{ffff}]',
      '\\8',
      '\\R',
    ]) {
      assert.match(checkRegex(pattern) ?? '', /\w/, pattern);
      assert.equal(checkRegex(pattern), checkRegex(pattern));
    }
  });

  it('bounds size', () => {
    assert.match(checkRegex('((a{100}){100}){100}') ?? '', /instructions|size|repe/);
    assert.match(checkRegex('(\\pL{100}){50}') ?? '', /instructions|size|repe/);
    assert.match(checkRegex('a'.repeat(10_000)) ?? '', /characters long/);
    assert.match(checkRegex('\ud800') ?? '', /Unicode/);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab(){}[]*+?|\\^$.09,:=!<>pL-') }), (pattern) => {
        const reason = checkRegex(pattern);
        assert.ok(reason === undefined || reason.length > 0);
      }),
    );
  });

  it('quotes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, other) => {
        assert.ok(RE2JS.compile(quoteRegex(text)).matches(text));
        assert.equal(RE2JS.compile(quoteRegex(text)).matches(other), text === other);
      }),
    );
  });
});
