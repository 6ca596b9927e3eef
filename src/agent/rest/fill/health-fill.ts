import { availableParallelism } from 'node:os';
import type { HubCounters } from '../../../flows/index.ts';
import type { HealthView } from '../view/node-view.ts';
import type { NodeSources } from './node-sources.ts';

const pageSize = 4096;

export function healthView(sources: NodeSources, { lost, unknown }: HubCounters): HealthView {
  const { problems, controllers, ...health } = sources.health();
  const faults = [...sources.reconcilers()].flatMap(({ fault }) => fault?.message ?? []);
  const all = [...new Set([...problems, ...faults])];
  const events = sources.maps.eventsSize;
  return {
    ...health,
    // Something is not in force, and everything else is.
    state: all.length === 0 ? 'Ok' : 'Warning',
    problems: all,
    routing: sources.routing,
    monitor: { cpus: availableParallelism(), pages: Math.ceil(events / pageSize), pageSize, lost, unknown },
    controllers,
  };
}
