import type { Meter } from '@opentelemetry/api';
import type { KubernetesSource } from '../../sources/index.ts';

/** How each kind is read from the API server. Labels are kinds, so the number of series is fixed. */
export function observeSource(meter: Meter, source: KubernetesSource): void {
  const gauge = (name: string, description: string, unit?: string) =>
    meter.createObservableGauge(name, { description, ...(unit === undefined ? {} : { unit }) });
  const counter = (name: string, description: string) => meter.createObservableCounter(name, { description });
  const objects = gauge('sluice.source.objects', 'Objects that the API server has');
  const bad = gauge('sluice.source.bad_objects', 'Objects whose last version cannot be used');
  const silence = gauge('sluice.source.silence_seconds', 'Time since the API server was last heard', 's');
  const watching = gauge(
    'sluice.source.watching',
    '1 where a kind is watched, 0 where it is (or must be) listed again',
  );
  const events = counter('sluice.source.events', 'Events of watches');
  const lists = counter('sluice.source.lists', 'Lists');
  const restarts = counter('sluice.source.watch_restarts', 'Watches that were opened because one failed');
  meter.addBatchObservableCallback(
    (result) => {
      for (const stats of source.kinds()) {
        const labels = { kind: stats.kind };
        result.observe(objects, stats.objects, labels);
        result.observe(bad, stats.bad, labels);
        if (stats.silence !== undefined) result.observe(silence, stats.silence / 1000, labels);
        if (stats.state !== 'absent') result.observe(watching, stats.state === 'watching' ? 1 : 0, labels);
        result.observe(events, stats.events, labels);
        result.observe(lists, stats.lists, labels);
        result.observe(restarts, stats.restarts, labels);
      }
    },
    [objects, bad, silence, watching, events, lists, restarts],
  );
}
