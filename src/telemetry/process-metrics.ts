import { getHeapSpaceStatistics } from 'node:v8';
import type { Meter } from '@opentelemetry/api';

/**
 * What the process needs of the machine, named as Prometheus clients name it. Heap by space says what grows when memory does:
 * the young generation, what lives, or buffers outside.
 */
export function observeProcess(meter: Meter): void {
  const bytes = { unit: 'By' };
  meter
    .createObservableGauge('process_resident_memory_bytes', { ...bytes, description: 'Memory of the process (RSS)' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableCounter('process_cpu_seconds_total', { unit: 's', description: 'CPU time, user and system' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
  const held = meter.createObservableGauge('nodejs_heap_space_size_total_bytes', {
    ...bytes,
    description: "V8's heap as it is committed, by space",
  });
  const used = meter.createObservableGauge('nodejs_heap_space_size_used_bytes', {
    ...bytes,
    description: "Of V8's heap, in use or not yet collected, by space",
  });
  meter.addBatchObservableCallback(
    (result) => {
      for (const space of getHeapSpaceStatistics()) {
        // Those that are always empty or constant say nothing.
        if (!/^(?:new|old|large_object)_space$/.test(space.space_name)) continue;
        const attributes = { space: space.space_name.replace(/_space$/, '') };
        result.observe(held, space.space_size, attributes);
        result.observe(used, space.space_used_size, attributes);
      }
    },
    [held, used],
  );
  meter
    .createObservableGauge('nodejs_external_memory_bytes', {
      ...bytes,
      description: 'Memory outside of the heap that its objects hold: buffers',
    })
    .addCallback((result) => result.observe(process.memoryUsage().external));
}
