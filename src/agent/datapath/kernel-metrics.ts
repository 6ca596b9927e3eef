import type { Meter } from '@opentelemetry/api';
import type { ConntrackCollector, DatapathMaps } from '../../datapath/index.ts';
import { dropReason, fileNames } from '../../flows/index.ts';
import { Direction, EventType } from '../../gen/abi.ts';

/** What the programs count themselves, and how many connections there are: read from the kernel when somebody asks. */
export function observeKernel(
  meter: Meter,
  maps: Pick<DatapathMaps, 'metrics' | 'lostEvents' | 'helperErrors'>,
  collector: Pick<ConntrackCollector, 'alive'>,
): void {
  const packets = meter.createObservableCounter('sluice.datapath.packets', {
    description: 'Packets that the programs forwarded, and dropped for each reason',
  });
  const bytes = meter.createObservableCounter('sluice.datapath.bytes', {
    description: 'The same in bytes',
    unit: 'By',
  });
  meter.addBatchObservableCallback(
    (result) => {
      for (const [key, count] of maps.metrics.entries()) {
        if (count.packets === 0n) continue;
        const labels = {
          // Even keys are of ingress: see bpf/abi/drop.h.
          direction: key % 2 === Direction.egress ? 'egress' : 'ingress',
          outcome: key >> 1 === 0 ? 'forwarded' : 'dropped',
          reason: key >> 1 === 0 ? '' : dropReason(key >> 1).name,
        };
        result.observe(packets, Number(count.packets), labels);
        result.observe(bytes, Number(count.bytes), labels);
      }
    },
    [packets, bytes],
  );
  const eventTypes = new Map(Object.entries(EventType).map(([name, number]) => [number as number, name]));
  meter
    .createObservableCounter('sluice.datapath.events.lost', {
      description: 'Events that found no room in the ring buffer, exactly, by type',
    })
    .addCallback((result) => {
      for (const [type, count] of maps.lostEvents.entries())
        if (eventTypes.has(type)) result.observe(Number(count), { type: eventTypes.get(type) });
    });
  meter
    .createObservableCounter('sluice.datapath.helper.errors', {
      description: 'Helpers of the kernel that failed, by the place in the programs and the error number',
    })
    .addCallback((result) => {
      for (const [{ file, line, error }, count] of maps.helperErrors.entries())
        result.observe(Number(count), { place: `${fileNames[file as keyof typeof fileNames] ?? file}:${line}`, error });
    });
  const connections = meter.createObservableGauge('sluice.datapath.connections', {
    description: 'Connections when expired ones were collected last',
  });
  const pressure = meter.createObservableGauge('sluice.datapath.connections.pressure', {
    description: 'How full their maps are: from 1 on, the least recently used connections are forgotten',
  });
  meter.addBatchObservableCallback(
    (result) => {
      for (const [map, { alive, maxEntries }] of collector.alive) {
        result.observe(connections, alive, { map });
        result.observe(pressure, alive / maxEntries, { map });
      }
    },
    [connections, pressure],
  );
}
