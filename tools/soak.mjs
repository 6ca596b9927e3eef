/**
 * `npm run soak [-- FILE...]`: each test that checks a property of random input is run again and again for SOAK_SECONDS (10), each time with
 * other input; tests without one run once. What happens once in 100,000 inputs stops somebody's work once in a hundred runs of all tests: here
 * it is found before. All of them take half an hour.
 */
import { globSync } from 'node:fs';
import fc from 'fast-check';
import Mocha from 'mocha';
import config from '../.mocharc.json' with { type: 'json' };

const seconds = Number(process.env.SOAK_SECONDS ?? 10);
if (!(seconds > 0)) throw new Error(`SOAK_SECONDS=${process.env.SOAK_SECONDS}: must be a number above 0`);

let checked = 0;
fc.configureGlobal({
  reporter(details) {
    checked++;
    if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
  },
});

/** @param {Mocha.Test} test */
function repeat(test) {
  const { fn } = test;
  if (fn === undefined) return;
  // Limits are for one run.
  test.timeout(0);
  test.timeout = (limit) => (limit === undefined ? 0 : test);
  test.fn = async function soaked() {
    const end = performance.now() + seconds * 1000;
    const before = checked;
    let runs = 0;
    do {
      await fn.call(this);
      runs++;
      if (checked === before) return;
    } while (performance.now() < end);
    test.title += ` [${runs} times]`;
  };
}

const mocha = new Mocha({ reporter: 'spec', forbidOnly: true });
const files = process.argv.slice(2);
for (const file of files.length > 0 ? files : globSync(config.spec).sort()) mocha.addFile(file);
await mocha.loadFilesAsync();
mocha.suite.eachTest(repeat);
mocha.run((failures) => process.exit(failures === 0 ? 0 : 1));
