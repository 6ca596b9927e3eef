import { type KubeClient, pathOf, type RawObject } from '../../../../src/kube/index.ts';
import { controlPlaneAddress } from '../../../cluster/addresses.ts';
import { down } from '../../../cluster/down.ts';
import { linesOf } from '../../../cluster/progress.ts';
import { watchUntil } from '../../../cluster/watch-until.ts';
import { gatewayCrds } from '../../../conformance/gateway/module.ts';
import { installSluice } from '../../../conformance/sluice.ts';
import { openTestbed, type Testbed } from '../../../conformance/testbed.ts';
import { type BenchContext, BenchNotPossible } from '../../bench.ts';
import { startBackends } from '../backend.ts';
import { type Load, startLoad } from '../load.ts';
import { gatewayName, serviceName } from '../objects.ts';
import { create, createService, forEach, gateway, route } from './objects.ts';
import { type RemoteProber, startRemoteProber } from './remote-prober.ts';

/**
 * Sluice, installed on a testbed by its manifests, with one Gateway. Clients and a fast backend are in the control plane's
 * network: outside of the cluster, as users and other machines are.
 */
export interface ClusterMesh {
  readonly name: string;
  readonly testbed: Testbed;
  readonly kube: KubeClient;
  /** The Gateway's; its port is {@link port}. */
  readonly address: string;
  readonly port: number;
  readonly prober: RemoteProber;
  load(connections: number, hosts: readonly string[]): Load;
  /** So many Services with the backend as their endpoint. */
  createServices(count: number): Promise<void>;
  /** Routes `first` to `first + count - 1`, each to one of so many Services. */
  createRoutes(count: number, services: number, first?: number): Promise<void>;
  /** Asks every host until all have answered 200. Returns when that was, on the monotonic clock. */
  allServed(hosts: readonly string[]): Promise<number>;
}

/** Another process may be measuring, too. */
const name = `bench-${process.pid}`;
const port = 80;
/** ms */
const patience = 120_000;

export async function startClusterMesh(context: BenchContext, { nodes = 1 } = {}): Promise<ClusterMesh> {
  if (process.getuid?.() !== 0) throw new BenchNotPossible('a testbed needs root');
  const progress = linesOf((line) => process.stderr.write(line));
  context.defer(() => down(name, progress));
  const testbed = await openTestbed(name, progress, { nodes });
  const kube = testbed.client;
  context.defer(() => kube.close());
  await installSluice(testbed, { crds: [gatewayCrds()] }, progress);
  const clients = controlPlaneAddress(testbed.settings);
  const commandIn = (...command: readonly string[]) => testbed.inNetwork(command);
  const [backend = 0] = await startBackends(context, 1, { address: clients, commandIn });
  await create(kube, 'Gateway', gateway);
  const address = await gatewayAddress(kube);
  const prober = startRemoteProber(context, commandIn);
  context.progress(`Sluice is installed; the Gateway has ${address}`);
  return {
    ...{ name, testbed, kube, address, port, prober },
    load: (connections, hosts) => startLoad(context, address, port, connections, hosts, commandIn),
    createServices: (count) => forEach(numbers(count), (i) => createService(kube, serviceName(i), clients, backend)),
    createRoutes: (count, services, first = 0) =>
      forEach(numbers(count), (i) => create(kube, 'HTTPRoute', route(first + i, services))),
    async allServed(hosts) {
      await prober.ask({ op: 'first-served', address, port, host: hosts.at(-1) ?? '', timeout: patience });
      let left = hosts;
      for (const deadline = performance.now() + patience; ; ) {
        left = await prober.ask({ op: 'not-served', address, port, hosts: left });
        if (left.length === 0)
          return prober.ask({ op: 'first-served', address, port, host: hosts[0] ?? '', timeout: 1000 });
        if (performance.now() > deadline) throw new Error(`${left.length} hosts are not served, ${left[0]} for one`);
      }
    },
  };
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** As the operator writes it into the status. */
function gatewayAddress(kube: KubeClient): Promise<string> {
  const query = { fieldSelector: `metadata.name=${gatewayName}` };
  const watching = { path: pathOf('Gateway', { namespace: 'default' }), query, what: 'an address of the Gateway' };
  return watchUntil(kube, watching, ([found]) => (found as WithAddresses | undefined)?.status?.addresses?.[0]?.value);
}

interface WithAddresses extends RawObject {
  readonly status?: { readonly addresses?: readonly { readonly value?: string }[] };
}
