import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../src/lib/fault.ts';
import { type Component, componentPid, logFile } from './component.ts';

/** How often it is looked whether components run. ms */
const interval = 200;

/**
 * Waits for `work`, and fails as soon as a component has ended: what is waited for would never come. The Fault has the end
 * of the component's log.
 */
export async function whileRunning<T>(testbed: string, components: readonly Component[], work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const look = async (): Promise<never> => {
    for (;;) {
      await delay(interval, undefined, { signal: over.signal });
      const ended = components.find((component) => componentPid(testbed, component) === undefined);
      if (ended !== undefined) throw hasEnded(testbed, ended);
    }
  };
  try {
    return await Promise.race([work, look()]);
  } finally {
    over.abort();
    // Whichever lost is of no interest any more.
    work.catch(() => {});
  }
}

function hasEnded(testbed: string, { name }: Component): Fault {
  const file = logFile(testbed, name);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-3) : [];
  return new Fault('CLUSTER_COMPONENT', [`${name} has ended:`, ...lines].join('\n  '), {
    hint: `All that it said: npm run cluster -- logs ${name} --name ${testbed}`,
  });
}
