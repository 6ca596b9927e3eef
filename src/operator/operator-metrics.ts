import type { Meter } from '@opentelemetry/api';
import type { DatapathWork } from './datapath-work.ts';
import type { EventRecorder } from './events.ts';
import type { LeaderElection } from './leader-election.ts';
import type { ServiceWriter } from './service-writer.ts';
import type { StatusWriter } from './status-writer.ts';

export interface Observed {
  readonly election: LeaderElection;
  readonly statuses: StatusWriter;
  readonly services: ServiceWriter;
  readonly events: EventRecorder;
}

/** What the operator writes. Labels are kinds, never objects. */
export function observeOperator(meter: Meter, { election, statuses, services, events }: Observed): void {
  meter
    .createObservableGauge('sluice.operator.leader', { description: '1 while this operator leads' })
    .addCallback((result) => result.observe(election.leading ? 1 : 0));
  meter
    .createObservableCounter('sluice.operator.terms', { description: 'Times that this operator came to lead' })
    .addCallback((result) => result.observe(election.terms));
  meter
    .createObservableCounter('sluice.operator.status_writes', { description: 'Statuses written' })
    .addCallback((result) => {
      for (const [kind, count] of statuses.counts.written) result.observe(count, { kind });
    });
  meter
    .createObservableCounter('sluice.operator.status_conflicts', {
      description: 'Statuses made anew because somebody else had written the object',
    })
    .addCallback((result) => result.observe(statuses.counts.conflicts));
  meter
    .createObservableCounter('sluice.operator.status_failures', {
      description: 'Status writes that failed; each is tried again',
    })
    .addCallback((result) => result.observe(statuses.counts.failed));
  meter
    .createObservableGauge('sluice.operator.status_queue', { description: 'Statuses that wait to be looked at' })
    .addCallback((result) => result.observe(statuses.waiting));
  meter
    .createObservableCounter('sluice.operator.service_writes', { description: 'Services applied or deleted' })
    .addCallback((result) => result.observe(services.written));
  meter
    .createObservableCounter('sluice.operator.event_writes', { description: 'Kubernetes Events written' })
    .addCallback((result) => result.observe(events.written));
}

/** What the operator does for the datapath. */
export function observeDatapathWork(meter: Meter, { podCidrs, identities, nodes }: DatapathWork): void {
  if (podCidrs !== undefined)
    meter
      .createObservableGauge('sluice.operator.nodes_without_pod_cidrs', {
        description: 'Nodes that lack a Pod CIDR, or whose CIDRs contradict those of others',
      })
      .addCallback((result) => result.observe(podCidrs.hungry));
  if (identities !== undefined)
    meter
      .createObservableCounter('sluice.operator.identities_deleted', { description: 'Identities that nobody had' })
      .addCallback((result) => result.observe(identities.deleted));
  if (nodes !== undefined)
    meter
      .createObservableCounter('sluice.operator.cilium_nodes_deleted', { description: 'CiliumNodes without a Node' })
      .addCallback((result) => result.observe(nodes.deleted));
}
