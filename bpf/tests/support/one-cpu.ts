import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Keeps the suite's programs on one CPU: of some maps each CPU has its own. */
export function onOneCpu(): void {
  const taskset = (...args: string[]) =>
    execFileSync('taskset', ['--cpu-list', '--pid', ...args, `${process.pid}`], { encoding: 'utf8' });
  let allowed: string | undefined;
  before(() => {
    if (availableParallelism() === 1) return;
    allowed = taskset().split(': ')[1]!.trim();
    taskset('0');
  });
  after(() => {
    if (allowed !== undefined) taskset(allowed);
  });
}
