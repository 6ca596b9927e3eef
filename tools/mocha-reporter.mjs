// A mocha reporter for tools/test.mjs: prints as mocha's own `spec` (or `dot`, reporterOption style=dot) does, lists every
// skip with its reason and the slowest tests, and keeps the counts in the file that reporterOption `counts` names: also what
// failed and the test that runs, so that a suite that never ends can be told by name. A failure is told in full where it
// happens: mocha's own list comes after the last test, which a suite that is ended never reaches. A test that skips itself
// says why first: `this.test.skipReason = 'no BPF on this kernel'; this.skip();`.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

const { EVENT_HOOK_BEGIN, EVENT_RUN_END, EVENT_TEST_BEGIN, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Mocha.Runner.constants;

const slowestShown = 5;
const reasonLines = 8;
const reasonLength = 400;
const accountLength = 8000;

export default class CountingReporter {
  constructor(runner, options) {
    const { style, counts } = options.reporterOptions;
    const inner = style === 'dot' ? Mocha.reporters.Dot : Mocha.reporters.Spec;
    const result = { passed: 0, failed: [], skipped: [], running: '' };
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
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      const title = test.fullTitle();
      const reason = String(error?.message ?? error).trim();
      result.failed.push({ title, reason: firstLines(reason) });
      // Synchronously, so that it is there whatever happens next.
      writeFileSync(counts, JSON.stringify(result));
      console.log(`  failed: ${title}: ${String(error?.stack ?? reason).slice(0, accountLength)}`);
    });
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

/** What a summary shows of an error: whole objects that differ are in the full account. */
function firstLines(text) {
  return text.split('\n').filter(Boolean).slice(0, reasonLines).join(' ').slice(0, reasonLength);
}
