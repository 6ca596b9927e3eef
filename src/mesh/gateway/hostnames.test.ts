import assert from 'node:assert/strict';
import fc from 'fast-check';
import { covers, hostRank, intersect, narrower } from './hostnames.ts';

const label = fc.constantFrom('a', 'b', 'foo');
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
const pattern = fc.oneof(
  fc.constant('*'),
  name,
  name.map((suffix) => `*.${suffix}`),
);

/** By the spec's words: `*` is any host, `*.x` is one label or more before `.x`. */
function matches(host: string, p: string): boolean {
  if (p === '*') return true;
  return p.startsWith('*.') ? new RegExp(`^[^*]+\\.${p.slice(2).replaceAll('.', '\\.')}$`).test(host) : host === p;
}

describe('hostnames', () => {
  it('a wildcard stands for one label or more, and not for its own suffix', () => {
    assert.ok(covers('*.example.com', 'a.example.com'));
    assert.ok(covers('*.example.com', 'a.b.example.com'));
    assert.ok(covers('*.example.com', '*.b.example.com'));
    assert.ok(!covers('*.example.com', 'example.com'));
    assert.ok(!covers('*.example.com', 'badexample.com'));
    assert.ok(!covers('a.example.com', '*.example.com'));
    assert.ok(narrower('*.b.example.com', '*.example.com') && !narrower('*.example.com', '*.example.com'));
  });

  it('a host is matched by the intersection exactly when both patterns match it', () => {
    fc.assert(
      fc.property(pattern, pattern, name, (a, b, host) => {
        const both = intersect(a, b);
        assert.equal(both, intersect(b, a));
        assert.equal(both !== undefined && matches(host, both), matches(host, a) && matches(host, b));
      }),
    );
  });

  it('whatever is narrower ranks first', () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        if (narrower(a, b)) assert.ok(hostRank(a) < hostRank(b));
      }),
    );
  });
});
