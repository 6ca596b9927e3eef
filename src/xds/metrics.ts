import { type Attributes, type Meter, metrics } from '@opentelemetry/api';
import { type ResourceType, resourceTypes } from '../mesh/envoy/resource.ts';
import type { Protocol } from './wire.ts';

/** The room's instruments. Labels are the type and few fixed words, never a name: the number of series does not grow. */
export interface XdsMeters {
  sent(type: ResourceType, resources: number, bytes: number): void;
  acked(type: ResourceType): void;
  nacked(type: ResourceType): void;
  /** From `ResourceCache.apply` to the ACK of a response with the change, in ms. */
  applied(type: ResourceType, ms: number): void;
  /** An answer that did not come in time; what waited for it went on. */
  overdue(type: ResourceType): void;
  ignored(reason: 'unknown_type' | 'stale_nonce'): void;
  opened(protocol: Protocol): void;
  closed(protocol: Protocol): void;
}

export function xdsMeters(meter: Meter = metrics.getMeter('sluice.xds')): XdsMeters {
  const responses = meter.createCounter('sluice.xds.responses', { description: 'xDS responses sent' });
  const resources = meter.createCounter('sluice.xds.resources', { description: 'Resources and removals sent' });
  const bytes = meter.createCounter('sluice.xds.sent_bytes', { unit: 'By', description: 'Bytes of xDS responses' });
  const acks = meter.createCounter('sluice.xds.acks', { description: 'Responses that the client accepted' });
  const nacks = meter.createCounter('sluice.xds.nacks', { description: 'Responses that the client refused' });
  const late = meter.createCounter('sluice.xds.overdue', { description: 'Responses not answered in time' });
  const ignored = meter.createCounter('sluice.xds.ignored', { description: 'Requests that were ignored' });
  const streams = meter.createUpDownCounter('sluice.xds.streams', { description: 'Open xDS streams' });
  const latency = meter.createHistogram('sluice.xds.apply_to_ack_seconds', {
    unit: 's',
    description: 'From a change of the cache to its ACK',
    advice: { explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] },
  });
  const attributes = Object.fromEntries(
    Object.keys(resourceTypes).map((type): [string, Attributes] => [type, { type }]),
  ) as Record<ResourceType, Attributes>;
  return {
    sent(type, count, size) {
      responses.add(1, attributes[type]);
      resources.add(count, attributes[type]);
      bytes.add(size, attributes[type]);
    },
    acked: (type) => acks.add(1, attributes[type]),
    nacked: (type) => nacks.add(1, attributes[type]),
    applied: (type, ms) => latency.record(ms / 1000, attributes[type]),
    overdue: (type) => late.add(1, attributes[type]),
    ignored: (reason) => ignored.add(1, { reason }),
    opened: (protocol) => streams.add(1, { protocol }),
    closed: (protocol) => streams.add(-1, { protocol }),
  };
}
