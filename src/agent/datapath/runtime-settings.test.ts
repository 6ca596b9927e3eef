import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bpf, Kernel } from '../../datapath/index.ts';
import { ConfigFlag } from '../../gen/abi.ts';
import type { NodeNetwork } from './node-network.ts';
import type { DatapathOptions } from './options.ts';
import { RuntimeSettings } from './runtime-settings.ts';
import { openTestKernel, TestMaps } from './testing/kernel-world.ts';

describe('what programs go by', () => {
  let bpf: Bpf;
  let kernel: Kernel;
  const maps = new TestMaps();
  before(async () => {
    ({ kernel, bpf } = await openTestKernel());
  });
  after(() => maps[Symbol.dispose]());

  const open = (traces: DatapathOptions['events']['traces']) => {
    const opened = maps.open(bpf, kernel);
    const settings = new RuntimeSettings({
      options: {
        ...{ routing: 'direct', tunnelPort: 8472, hostFirewall: false, fastPath: true, enforcement: 'default' },
        ...{ audit: false, events: { verdicts: true, traces, interval: 5000 } },
      } as DatapathOptions,
      maps: opened,
      engine: { setEnforcement: () => undefined },
      state: { audit: false },
      network: { tunnel: undefined, devices: {} } as NodeNetwork,
      apply: () => undefined,
    });
    return { opened, settings };
  };

  it('is no answer that is kept while addresses become other identities, and such again later', async () => {
    const { opened, settings } = open('followed');
    const lifetime = () => opened.config.get(0)?.wayLifetime;
    settings.change({});
    const kept = lifetime();
    assert.ok(kept !== undefined && kept > 0);
    settings.askForEachPacket();
    assert.equal(lifetime(), 0);
    settings.change({ audit: true });
    assert.equal(lifetime(), 0, 'another change does not end it');
    for (let waited = 0; lifetime() === 0 && waited < 500; waited++) await sleep(10);
    assert.equal(lifetime(), kept);
    settings.askForEachPacket();
    settings.close();
  });

  it('is that nothing is traced unless somebody follows, or traces are always or never wanted', () => {
    const traced = (traces: DatapathOptions['events']['traces']) => {
      const { opened, settings } = open(traces);
      const is = () => ((opened.config.get(0)?.flags ?? 0) & ConfigFlag.traceEvents) !== 0;
      settings.follow(false);
      assert.equal(opened.config.get(0)?.version, 0, 'nothing is in force before the first change');
      settings.change({});
      const alone = is();
      settings.follow(true);
      const followed = is();
      settings.change({ traceEvents: false });
      assert.ok(!is(), 'switched off by hand');
      settings.change({ traceEvents: true });
      const byHand = is();
      settings.follow(false);
      const again = is();
      settings.close();
      return { alone, followed, byHand, again };
    };
    assert.deepEqual(traced('followed'), { alone: false, followed: true, byHand: true, again: false });
    assert.deepEqual(traced('always'), { alone: true, followed: true, byHand: true, again: true });
    assert.deepEqual(traced('never'), { alone: false, followed: false, byHand: true, again: false });
  });
});
