import type { Meter } from '@opentelemetry/api';
import type { DatapathMaps } from '../../datapath/index.ts';
import type { EndpointManager } from './endpoint-manager.ts';
import type { KernelState } from './kernel-state.ts';
import type { Upkeep } from './upkeep.ts';

export interface ObservedDatapath {
  readonly state: KernelState;
  readonly maps: Pick<DatapathMaps, 'policies'>;
  readonly manager: Pick<EndpointManager, 'values'>;
  readonly upkeep: Pick<Upkeep, 'mended'>;
}

/** Of one map that the agent writes; of policies, all of their maps together. */
interface MapNumbers {
  readonly name: string;
  readonly size: number;
  readonly pressure: number;
  readonly refused: number;
  readonly errors: number;
  readonly mended: number;
}

const gauges = [
  ['entries', 'Entries of maps', ({ size }: MapNumbers) => size],
  ['pressure', 'How full maps are: 1 is full; of policies, the fullest', ({ pressure }: MapNumbers) => pressure],
  ['refused', 'Entries that maps had no room for', ({ refused }: MapNumbers) => refused],
] as const;
const counters = [
  ['errors', 'Writes and removals that the kernel refused', ({ errors }: MapNumbers) => errors],
  ['mended', 'Entries that were not as the agent wrote them, and are again', ({ mended }: MapNumbers) => mended],
] as const;

/** The maps that the agent writes, what others changed in the kernel, and endpoints. */
export function observeDatapath(meter: Meter, { state, maps, manager, upkeep }: ObservedDatapath): void {
  function* numbers(): Generator<MapNumbers> {
    const ofPolicies = new Set<unknown>(state.policies.reconcilers());
    for (const one of state.states()) {
      const { size, pressure, refused, errors, mended } = one;
      if (!ofPolicies.has(one)) yield { name: one.map.name, size, pressure, refused, errors, mended };
    }
    const { entries, pressure, refused, errors, mended, size } = state.policies;
    yield { name: 'policy', size: entries, pressure, refused, errors, mended };
    const { name, maxEntries } = maps.policies;
    yield { name, size, pressure: size / maxEntries, refused: 0, errors: 0, mended: 0 };
  }
  for (const [name, description, read] of gauges)
    meter.createObservableGauge(`sluice.datapath.map.${name}`, { description }).addCallback((result) => {
      for (const one of numbers()) result.observe(read(one), { map: one.name });
    });
  for (const [name, description, read] of counters)
    meter.createObservableCounter(`sluice.datapath.map.${name}`, { description }).addCallback((result) => {
      for (const one of numbers()) result.observe(read(one), { map: one.name });
    });
  meter
    .createObservableCounter('sluice.datapath.mended', {
      description: 'Things in the kernel that were not as the agent made them, and are again, by what they are',
    })
    .addCallback((result) => {
      for (const [what, count] of upkeep.mended) result.observe(count, { what });
    });
  meter
    .createObservableGauge('sluice.datapath.endpoints', { description: 'Endpoints of this node, by state' })
    .addCallback((result) => {
      const states = Map.groupBy(manager.values(), ({ endpoint }) => endpoint.state);
      for (const [name, all] of states) result.observe(all.length, { state: name });
    });
}
