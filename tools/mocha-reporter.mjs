// A mocha reporter for tools/test.mjs: prints as mocha's own `spec` (or `dot`, reporterOption style=dot) does, lists every
// skip with its reason and the slowest tests, and keeps the counts in the file that reporterOption `counts` names: also the
// test that runs, so that a suite that never ends can be told by name. A test that skips itself says why first:
// `this.test.skipReason = 'no BPF on this kernel'; this.skip();`.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

const { EVENT_HOOK_BEGIN, EVENT_RUN_END, EVENT_TEST_BEGIN, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Mocha.Runner.constants;

const slowestShown = 5;

export default class CountingReporter {
  constructor(runner, options) {
    const { style, counts } = options.reporterOptions;
    const inner = style === 'dot' ? Mocha.reporters.Dot : Mocha.reporters.Spec;
    const result = { passed: 0, failed: 0, skipped: [], running: '' };
    const slowest = [];
    const begin = (runnable) => {
      result.running = runnable.fullTitle();
      writeFileSync(counts, JSON.stringify(result));
    };
    runner.on(EVENT_TEST_BEGIN, begin);
    runner.on(EVENT_HOOK_BEGIN, (hook) => {
      // Hooks around each test are too many to write down, and mocha bounds their time.
      if (/^"(?:before|after) all"/.test(hook.title)) begin(hook);
    });
    runner.on(EVENT_TEST_PASS, (test) => {
      result.passed++;
      slowest.push({ title: test.fullTitle(), duration: test.duration ?? 0 });
      slowest.sort((a, b) => b.duration - a.duration).splice(slowestShown);
    });
    runner.on(EVENT_TEST_FAIL, () => result.failed++);
    runner.on(EVENT_TEST_PENDING, (test) =>
      result.skipped.push({ title: test.fullTitle(), reason: test.skipReason ?? '' }),
    );
    this.inner = new inner(runner, options);
    runner.once(EVENT_RUN_END, () => {
      for (const { title, reason } of result.skipped)
        console.log(`  skipped: ${title}: ${reason || 'no reason given'}`);
      console.log('  slowest:');
      for (const { title, duration } of slowest) console.log(`    ${(duration / 1000).toFixed(1)} s  ${title}`);
      writeFileSync(counts, JSON.stringify({ ...result, running: '' }));
    });
  }
}
