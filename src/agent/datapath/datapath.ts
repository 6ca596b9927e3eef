import type { Meter } from '@opentelemetry/api';
import { type CniServer, serveCni } from '../../cni/index.ts';
import type { Log } from '../../lib/log.ts';
import type { Tables } from '../../mesh/inputs.ts';
import type { Store } from '../../store/index.ts';
import { Parts } from '../parts/parts.ts';
import type { DatapathView, RestListener } from '../rest/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { CniEndpoints } from './cni-endpoints.ts';
import { makeParts } from './datapath-parts.ts';
import type { ViewedParts } from './datapath-view.ts';
import { DeviceFollower } from './device-follower.ts';
import { kernelChecks } from './kernel-checks.ts';
import { keepNetworkFile } from './network-file-part.ts';
import { openDatapath } from './open-datapath.ts';
import type { DatapathOptions } from './options.ts';
import { serveDatapath } from './serve-datapath.ts';
import { takeOver } from './take-over.ts';
import { Upkeep } from './upkeep.ts';

export interface DatapathContext {
  readonly options: DatapathOptions;
  readonly store: Store;
  readonly tables: Tables;
  readonly objects: ClusterObjects;
  readonly log: Log;
  readonly version: string;
  readonly meter: Meter;
  /** The agent's metrics in the Prometheus text format. */
  readonly metrics: () => Promise<string>;
  /** Of an API server, where objects come from one. */
  readonly kubernetes?: ViewedParts['kubernetes'];
}

/** A node's datapath, running. */
export interface RunningDatapath {
  /** What the API shows. */
  readonly view: DatapathView;
  /** Of the API: for the agent's own socket. */
  readonly rest: RestListener;
  /** Stops what needs this process; what is in the kernel goes on by itself. */
  close(): Promise<void>;
}

/**
 * Brings the node's datapath up, or takes over what a process before left in the kernel, without a gap: nothing is written before
 * all of the world is known, as what is not known would not be enforced. Call it when the tables hold what the sources had.
 * @throws Fault of the part that could not start; what is in the kernel is left as it was
 */
export async function startDatapath(context: DatapathContext): Promise<RunningDatapath> {
  const parts = new Parts();
  try {
    return await start(parts, context);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function start(parts: Parts, context: DatapathContext): Promise<RunningDatapath> {
  const { options, log, version, metrics, meter } = context;
  const opened = await openDatapath(parts, options);
  let tell: (event: string, message: string) => void = () => {};
  const datapath = makeParts(parts, opened, { ...context, tell: (event, message) => tell(event, message) });
  const { kept, host } = await takeOver(parts, datapath);
  datapath.state.policies.stock.start(log);
  const devices = parts.add('devices', new DeviceFollower(datapath));
  const upkeep = parts.add(
    'upkeep',
    new Upkeep({
      ...{ checks: kernelChecks(datapath, devices), interval: options.checkInterval, apply: datapath.apply, log },
    }),
  );
  upkeep.start();

  const { ipam, network, settings } = datapath;
  const handler = new CniEndpoints({
    ...datapath,
    mtu: () => network.podMtu,
    chained: options.cniChainingTarget !== undefined,
    lookAtNode: () => void devices.look(),
  });
  await parts.start<CniServer>('cni', () => serveCni({ socket: options.cniSocket, handler, log }));
  await keepNetworkFile(parts, options, { handler, ipam, log });
  const { view, rest } = await serveDatapath(
    parts,
    {
      ...datapath,
      ...{ version, metrics, upkeep },
      devices: () => network.devices,
      runtime: () => settings.current,
      configure: (change) => settings.change(change),
      onFollowed: (isFollowed) => settings.follow(isFollowed),
      mtu: { device: network.podMtu, route: network.podMtu },
      ...(context.kubernetes === undefined ? {} : { kubernetes: context.kubernetes }),
      ...(host === undefined ? {} : { host }),
    },
    { ...opened, meter, log },
  );
  tell = (event, message) => view.flows.agent(event, message);
  log.info(
    {
      endpoints: kept.length,
      programs: `${Math.round(opened.programs.duration)} ms`,
      attached: opened.programs.attachments.mode,
      routing: options.routing,
    },
    'datapath serves',
  );
  return { view, rest, close: () => parts.close() };
}
