import { strict as assert } from 'node:assert';
import { startMetrics } from './metrics.ts';

describe('metrics of the process', () => {
  it('has memory, heap and CPU as the process itself sees them', async () => {
    const metrics = startMetrics();
    try {
      const text = await metrics.prometheus();
      const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
      const rss = process.memoryUsage.rss();
      assert.ok(Math.abs(value('process_resident_memory_bytes') - rss) < rss / 2);
      assert.ok(value('process_cpu_seconds_total') > 0);
      assert.ok(value('nodejs_external_memory_bytes') > 0);
      for (const space of ['new', 'old', 'large_object'])
        assert.ok(value(`nodejs_heap_space_size_total_bytes\\{space="${space}"\\}`) >= 0);
    } finally {
      await metrics.close();
    }
  });
});
