import assert from 'node:assert/strict';
import { startMetrics } from '../../telemetry/metrics.ts';
import { observeDatapath } from './datapath-metrics.ts';
import type { KernelState } from './kernel-state.ts';
import { Upkeep } from './upkeep.ts';

describe('upkeep', () => {
  const logged: string[] = [];
  const log = {
    warn: ({ what, mended }: { what: string; mended: number }) => logged.push(`${mended} ${what}`),
    error: ({ what }: { what: string }) => logged.push(`failed: ${what}`),
  } as never;
  beforeEach(() => logged.splice(0));

  it('brings what is wanted into force before each part, counts what was wrong, and survives what cannot be read', async () => {
    const order: string[] = [];
    const upkeep = new Upkeep({
      checks: [
        {
          what: 'maps',
          *run() {
            order.push('maps 1');
            yield;
            order.push('maps 2');
            return 3;
          },
        },
        {
          what: 'programs',
          run() {
            throw new Error('unreadable');
          },
        },
        { what: 'routes', run: () => order.push('routes') * 0 },
      ],
      ...{ interval: 0, log },
      apply: () => order.push('apply'),
    });
    await upkeep.round();
    assert.deepEqual(order, ['apply', 'maps 1', 'apply', 'maps 2', 'apply', 'apply', 'routes']);
    assert.deepEqual(logged, ['3 maps', 'failed: programs']);
    await upkeep.round();
    assert.deepEqual(
      [...upkeep.mended],
      [
        ['maps', 6],
        ['programs', 0],
        ['routes', 0],
      ],
    );
  });

  it('goes on round after round until it is closed, also in the middle of one', async () => {
    const second = Promise.withResolvers<void>();
    let parts = 0;
    const upkeep = new Upkeep({
      checks: [
        {
          what: 'maps',
          *run() {
            if (upkeep.rounds === 1) second.resolve();
            for (; upkeep.rounds > 0; parts++) yield;
            return 0;
          },
        },
      ],
      ...{ interval: 1, log },
      apply: () => {},
    });
    // Timers of the upkeep keep no process alive; this one does.
    const alive = setInterval(() => {}, 1000);
    try {
      upkeep.start();
      await second.promise;
      await upkeep.close();
      const done = parts;
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(parts, done);
    } finally {
      clearInterval(alive);
    }
  });

  it('is seen in metrics, as is what is in each map', async () => {
    const metrics = startMetrics();
    try {
      const map = { map: { name: 'ipcache4' }, size: 3, pressure: 0.75, refused: 1, errors: 2, mended: 4 };
      const policies = { entries: 20, pressure: 0.5, refused: 6, errors: 7, mended: 8, size: 2, reconcilers: () => [] };
      const state = { states: () => [map], policies } as unknown as KernelState;
      const manager = { values: () => [].values() };
      observeDatapath(metrics.meter, {
        ...{ state, manager, maps: { policies: { name: 'policies', maxEntries: 8 } } as never },
        upkeep: { mended: new Map([['routes', 5]]) },
      });
      const text = await metrics.prometheus();
      for (const [name, expected] of [
        ['map_entries', { ipcache4: 3, policy: 20, policies: 2 }],
        ['map_pressure', { ipcache4: 0.75, policy: 0.5, policies: 0.25 }],
        ['map_refused', { ipcache4: 1, policy: 6, policies: 0 }],
        ['map_errors_total', { ipcache4: 2, policy: 7, policies: 0 }],
        ['map_mended_total', { ipcache4: 4, policy: 8, policies: 0 }],
      ] as const) {
        const found = text.matchAll(new RegExp(`^sluice_datapath_${name}\\{map="(\\w+)"\\} (\\S+)$`, 'gm'));
        assert.deepEqual(
          Object.fromEntries(Array.from(found, ([, key, value]) => [key, Number(value)])),
          expected,
          name,
        );
      }
      assert.match(text, /^sluice_datapath_mended_total\{what="routes"\} 5$/m);
    } finally {
      await metrics.close();
    }
  });
});
