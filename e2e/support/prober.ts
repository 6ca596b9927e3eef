import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Asks for a host without pause, on connections that stay and on ones of their own. */
export interface Prober {
  /** Ends it. `failures`: whatever was not an answer with the wanted status. */
  stop(): Promise<{ readonly requests: number; readonly failures: readonly string[] }>;
  /** Waits until so many more requests are through. */
  passes(count: number): Promise<void>;
}

export function startProber(port: number, host: string, path = '/', wanted = 200, address = '127.0.0.1'): Prober {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const failures: string[] = [];
  let requests = 0;
  let stopped = false;
  const ask = (how: Agent | false) =>
    new Promise<void>((resolve) => {
      const done = (failure?: string) => {
        requests++;
        if (failure !== undefined) failures.push(failure);
        resolve();
      };
      request({ host: address, port, path, headers: { host }, agent: how, timeout: 10_000 }, (response) => {
        response.resume();
        response.on('end', () => done(response.statusCode === wanted ? undefined : `status ${response.statusCode}`));
        response.on('error', (error) => done(`answer: ${error.message}`));
      })
        .on('timeout', function (this: { destroy(error: Error): void }) {
          this.destroy(new Error('no answer in 10 s'));
        })
        .on('error', (error) => done(error.message))
        .end();
    });
  const loops = [agent, agent, false as const].map(async (how) => {
    while (!stopped) {
      await ask(how);
      // Leaves the processors to those under test.
      await delay(1);
    }
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(loops);
      agent.destroy();
      return { requests, failures };
    },
    async passes(count) {
      for (const end = requests + count; requests < end; ) await delay(2);
    },
  };
}
