import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Bench, below, figure } from '../bench.ts';
import type { PolicyLoad } from '../support/policy-load.ts';
import { percentile } from '../support/statistics.ts';

/** What the policy engine itself takes, without the kernel's maps: these are in the benches of the datapath. */
export const policyEngine: Bench = {
  name: 'policy-engine',
  about: '10,000 identities, 1,000 policies and 100 endpoints in the policy engine: from nothing, one change, memory',
  async run(context) {
    const rounds = context.quick ? 20 : 300;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', new URL('../support/policy-load.ts', import.meta.url).pathname, String(rounds)],
      { signal: context.signal, maxBuffer: 1 << 24 },
    );
    const load = JSON.parse(stdout) as PolicyLoad;
    context.progress(`${load.entries} entries; a change is ${load.policyEntries} or ${load.largeEntries} of them`);
    const both = (name: string, times: readonly number[], limit?: number) => [
      figure(`${name}, p50`, percentile(times, 0.5), 'ms'),
      figure(`${name}, p99`, percentile(times, 0.99), 'ms', limit === undefined ? {} : { goal: below(limit) }),
    ];
    return [
      figure(
        'policy engine: 10,000 identities, 1,000 policies, 100 endpoints from nothing',
        load.fromNothing / 1000,
        's',
        {
          goal: below(5),
          peer: 'Cilium: 250 policies in force in under 600 ms an endpoint',
        },
      ),
      figure('policy engine: entries of these 100 endpoints', load.entries, ''),
      ...both('policy engine: one policy changed, 50 identities on 100 endpoints', load.policyChange, 100),
      ...both('policy engine: one policy changed, 1,000 identities on 100 endpoints', load.largeChange),
      ...both('policy engine: one identity added', load.identityAdded, 20),
      figure('policy engine: heap, the objects that it was given not counted', load.heap - load.inputs, 'MB', {
        goal: below(100),
      }),
    ];
  },
};
