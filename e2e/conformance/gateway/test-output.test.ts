import assert from 'node:assert/strict';
import { parseOutcome } from './test-output.ts';

describe('output of the conformance suite', () => {
  it('tells what each test came to', () => {
    assert.deepEqual(parseOutcome('    --- FAIL: TestConformance/HTTPRouteCORS (3.02s)'), {
      test: 'HTTPRouteCORS',
      result: 'FAIL',
      seconds: 3.02,
    });
  });

  it('has other lines too: parts of tests, the whole, what is logged', () => {
    for (const line of [
      '--- PASS: TestConformance (900.10s)',
      '        --- PASS: TestConformance/HTTPRouteCORS/0_request (0.02s)',
      '    apply.go:271: Creating Gateway',
      '=== RUN   TestConformance/HTTPRouteCORS',
      '',
    ])
      assert.equal(parseOutcome(line), undefined, line);
  });
});
