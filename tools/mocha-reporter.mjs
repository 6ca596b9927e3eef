// A mocha reporter for tools/test.mjs: prints as mocha's own `spec` (or `dot`, reporterOption style=dot) does, lists every
// skip with its reason, and writes the counts to the file that reporterOption `counts` names. A test that skips itself
// says why first: `this.test.skipReason = 'no BPF on this kernel'; this.skip();`.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants;

export default class CountingReporter {
  constructor(runner, options) {
    const { style, counts } = options.reporterOptions;
    const inner = style === 'dot' ? Mocha.reporters.Dot : Mocha.reporters.Spec;
    const result = { passed: 0, failed: 0, skipped: [] };
    runner.on(EVENT_TEST_PASS, () => result.passed++);
    runner.on(EVENT_TEST_FAIL, () => result.failed++);
    runner.on(EVENT_TEST_PENDING, (test) =>
      result.skipped.push({ title: test.fullTitle(), reason: test.skipReason ?? '' }),
    );
    this.inner = new inner(runner, options);
    runner.once(EVENT_RUN_END, () => {
      for (const { title, reason } of result.skipped)
        console.log(`  skipped: ${title}: ${reason || 'no reason given'}`);
      writeFileSync(counts, JSON.stringify(result));
    });
  }
}
