import type { Meter } from '@opentelemetry/api';
import { NetlinkSocket, NodeAddresses, openKernel } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import { rejectionKey } from '../../status/index.ts';
import type { Pipeline } from '../parts/pipeline.ts';
import { procAddress, tcpSockets, tcpState } from '../proc-net.ts';
import { LocalAddresses } from './local-addresses.ts';

export interface AddressPartOptions {
  readonly meter: Meter;
  readonly pipeline: Pipeline;
  readonly acked: () => Promise<void>;
  readonly log: Log;
  /** ms; Envoy lets connections of a listener that is gone go on for so long. */
  readonly drainTime: number;
  readonly onFaults: (faults: readonly Fault[]) => void;
}

/** Makes the addresses that the pipeline's listeners are served on local to this node, from now on. */
export async function startAddresses({ meter, pipeline, acked, log, drainTime, onFaults }: AddressPartOptions) {
  const { listeners, rejections } = pipeline.plane;
  const isRefused = (name: string) => rejections.table.has(rejectionKey({ type: 'listeners', name }));
  const local = new LocalAddresses({
    addresses: await kernelAddresses(),
    *wanted() {
      for (const { name, bind } of pipeline.listeners())
        if (bind.freebind === true && !isRefused(name)) yield bind.address;
    },
    connections: openConnections,
    ...{ acked, log, drainTime, onFaults },
  });
  const unobserve = [...listeners, rejections.table].map((collection) =>
    // The types of what changes differ; that something does is all there is to know.
    (collection as { observe(observer: () => void): () => void }).observe(() => local.changed()),
  );
  meter
    .createObservableGauge('sluice.node.addresses', { description: 'Addresses of load balancers on this node' })
    .addCallback((result) => {
      const { present, foreign, draining, faults } = local.state();
      for (const [state, list] of Object.entries({ present, foreign, draining, missing: faults }))
        result.observe(list.length, { state });
    });
  local.changed();
  return {
    state: () => local.state(),
    async close() {
      for (const stop of unobserve) stop();
      await local.close();
    },
  };
}

async function kernelAddresses(): Promise<NodeAddresses | Fault> {
  try {
    return new NodeAddresses(new NetlinkSocket(await openKernel()));
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function openConnections(): (address: string) => boolean {
  const over: readonly string[] = [tcpState.listen, tcpState.timeWait, tcpState.close];
  const local = new Set<string>();
  for (const { address, state } of tcpSockets()) if (!over.includes(state)) local.add(address);
  return (address) => local.has(procAddress(address));
}
