import type { Meter } from '@opentelemetry/api';
import { type Bpf, ConntrackCollector, type Kernel, readEvents } from '../../datapath/index.ts';
import type { Log } from '../../lib/log.ts';
import { observeIpam } from '../ipam/ipam-metrics.ts';
import type { Parts } from '../parts/parts.ts';
import { createRest, type DatapathView, type RestListener, serveRest } from '../rest/index.ts';
import { type ObservedDatapath, observeDatapath } from './datapath-metrics.ts';
import { datapathView, type ViewedParts } from './datapath-view.ts';

import { observeKernel } from './kernel-metrics.ts';
/** Whoever asks a running datapath: its API, metrics, and the events that its programs make. Expired connections are collected meanwhile. */
export async function serveDatapath(
  parts: Parts,
  viewed: ViewedParts & ObservedDatapath,
  { bpf, kernel, meter, log }: { readonly bpf: Bpf; readonly kernel: Kernel; readonly meter: Meter; readonly log: Log },
): Promise<{ readonly view: DatapathView; readonly rest: RestListener }> {
  const { options, maps, ipam } = viewed;
  const view = datapathView(viewed);
  view.flows.whileFollowed(viewed.onFollowed);
  observeDatapath(meter, viewed);
  observeIpam(meter, ipam);
  parts.add(
    'events',
    readEvents({
      ...{ bpf, kernel, maps },
      onEvent: (record, start, length) => view.flows.receive(record, start, length),
      onLost: (lost) => view.flows.missed([...lost.values()].reduce((sum, count) => sum + count, 0)),
    }),
  );
  const collector = new ConntrackCollector(maps, {
    onFault: (error) => log.warn({ err: error }, 'expired connections are not collected'),
  });
  collector.start();
  observeKernel(meter, maps, collector);
  parts.add('conntrack', { close: () => collector.stop() });
  const rest = createRest(view, log);
  if (options.apiSocket !== undefined) {
    const socket = options.apiSocket;
    await parts.start('rest', () => serveRest(socket, rest, log));
  }
  return { view, rest };
}
