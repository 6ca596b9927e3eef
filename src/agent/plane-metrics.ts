import type { Meter } from '@opentelemetry/api';
import type { FlushInfo } from '../store/index.ts';
import type { ControlPlane } from './control-plane.ts';

/**
 * The control plane's own metrics, by stage: what came in, what waits, how long a turn took, how often each derivation ran
 * and how much it holds. Labels are names of stages and kinds, never of objects, so the number of series is fixed.
 */
export function observePlane(meter: Meter) {
  const changes = meter.createCounter('sluice.source.changes', { description: 'Objects set or deleted by sources' });
  const turns = meter.createHistogram('sluice.store.turn_seconds', {
    unit: 's',
    description: 'One turn of the store: from the first derivation to the last observer',
    advice: { explicitBucketBoundaries: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2, 10] },
  });
  const changed = meter.createCounter('sluice.store.changed', {
    description: 'Values that turns changed, in all collections',
  });
  return {
    received(count: number): void {
      changes.add(count);
    },
    flushed(info: FlushInfo): void {
      turns.record(info.duration / 1000);
      changed.add(info.changed);
    },
    watch(plane: ControlPlane): void {
      const size = meter.createObservableGauge('sluice.stage.size', { description: 'Values that a stage holds' });
      size.addCallback((result) => {
        for (const collection of plane.store.collections) result.observe(collection.size, { stage: collection.name });
      });
      const runs = meter.createObservableCounter('sluice.stage.runs', { description: 'Times that a derivation ran' });
      const queue = meter.createObservableGauge('sluice.stage.queue', {
        description: 'Inputs that wait to be derived again',
      });
      const busy = meter.createObservableCounter('sluice.stage.busy_seconds', {
        unit: 's',
        description: 'Time spent in a derivation',
      });
      for (const stage of plane.store.stages) {
        const labels = { stage: stage.name };
        runs.addCallback((result) => result.observe(stage.runs, labels));
        queue.addCallback((result) => result.observe(stage.dirty, labels));
        busy.addCallback((result) => result.observe(stage.busy / 1000, labels));
      }
    },
  };
}
