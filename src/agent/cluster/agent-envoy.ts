import type { Cluster } from '../../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { Log } from '../../lib/log.ts';
import { Envoy, type EnvoyAdmin, ExternalEnvoy, lockStateDir, sharedPaths } from '../../proxy/index.ts';
import type { AgentOptions } from '../agent-options.ts';
import type { Parts } from '../parts/parts.ts';

/** The Envoy of this node, whoever runs it. */
export interface AgentEnvoy {
  readonly state: string;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly admin: EnvoyAdmin;
  /** Resolves when it serves for the first time. */
  readonly ready: Promise<void>;
  /** Where it is ours to end: while everything that it depends on still answers. */
  readonly drain?: () => Promise<void>;
}

/**
 * Takes the state directory, and gives Envoy its bootstrap (or starts it). It asks for the xDS socket until that is there.
 * @throws Fault of `lockStateDir` and of Envoy
 */
export async function openAgentEnvoy(
  parts: Parts,
  options: AgentOptions,
  clusters: readonly Cluster[],
  log: Log,
): Promise<AgentEnvoy> {
  const { stateDir, node, envoy } = options;
  const bootstrap = {
    node: { id: node, cluster: 'sluice' },
    xdsSocket: sharedPaths(stateDir).xdsSocket,
    stats: envoy.stats,
    clusters,
  };
  if (options.envoyProcess === 'external') {
    await parts.start('state directory', () => lockStateDir(stateDir));
    const external = parts.add('envoy', new ExternalEnvoy({ stateDir, bootstrap, logger: log }));
    await external.start();
    return external;
  }
  const child = new Envoy({
    ...{ stateDir, bootstrap, logger: log, drainTime: envoy.drainTime },
    ...(envoy.concurrency === undefined ? {} : { concurrency: envoy.concurrency }),
  });
  const ready = child.start();
  ready.catch(() => {});
  parts.add('envoy', { close: () => child.stop() });
  await Promise.race([child.locked, ready]);
  return {
    get state() {
      return child.state;
    },
    get pid() {
      return child.pid;
    },
    get restarts() {
      return child.restarts;
    },
    admin: child.admin,
    ready,
    drain: () => child.stop(),
  };
}
