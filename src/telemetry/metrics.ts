import { type Meter, metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { observeProcess } from './process-metrics.ts';

export interface Metrics {
  readonly meter: Meter;
  /** The control plane's own metrics in the Prometheus text format. */
  prometheus(): Promise<string>;
  close(): Promise<void>;
}

/**
 * Registers the process's meter provider. Must run before anything makes an instrument: the API hands out instruments that
 * count nothing until then. Only one in a process.
 */
export function startMetrics(): Metrics {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  metrics.setGlobalMeterProvider(provider);
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const meter = metrics.getMeter('sluice');
  observeProcess(meter);
  return {
    meter,
    async prometheus() {
      const { resourceMetrics } = await exporter.collect();
      return serializer.serialize(resourceMetrics);
    },
    async close() {
      metrics.disable();
      await provider.shutdown();
    },
  };
}
