// Mocha's `spec`, and a report: what became of each test, by group. reporterOption `report` names the file (YAML).
import { writeFileSync } from 'node:fs';
import { dump } from 'js-yaml';
import Mocha from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants;

export default class ReportingReporter {
  constructor(runner, options) {
    const groups = new Map();
    const note = (result) => (test) => {
      const [group = ''] = test.titlePath();
      if (!groups.has(group)) groups.set(group, { group, passed: [], failed: [], skipped: [] });
      groups.get(group)[result].push(test.title);
    };
    runner.on(EVENT_TEST_PASS, note('passed'));
    runner.on(EVENT_TEST_FAIL, note('failed'));
    runner.on(EVENT_TEST_PENDING, note('skipped'));
    this.inner = new Mocha.reporters.Spec(runner, options);
    runner.once(EVENT_RUN_END, () => {
      const { report, kubernetes, mode } = options.reporterOptions;
      const sorted = [...groups.values()].sort((a, b) => (a.group < b.group ? -1 : 1));
      writeFileSync(
        report,
        dump({ date: new Date().toISOString(), kubernetes, mode, groups: sorted }, { lineWidth: 140 }),
      );
    });
  }
}
