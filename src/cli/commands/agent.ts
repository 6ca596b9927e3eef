import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import type { AgentOptions } from '../../agent/agent-options.ts';
import { addressAndPort, count, duration } from '../arguments.ts';
import { applyConfigDir } from '../config-dir.ts';
import { defaultStateDir } from '../state-dir.ts';
import { untilStopped } from '../until-stopped.ts';
import { type DatapathFlags, datapathOptions, toDatapathOptions } from './datapath-options.ts';
import { type MeshFlags, meshOptions, toFeatures, toMeshOptions } from './mesh-options.ts';
import { type TelemetryFlags, telemetryOf, telemetryOptions, xdsOptions } from './run-options.ts';

interface AgentFlags extends MeshFlags, TelemetryFlags, DatapathFlags {
  kubeconfig?: string;
  context?: string;
  nodeName: string;
  namespace: string;
  stateDir: string;
  configDir?: string;
  envoy: 'external' | 'child';
  envoyStats: 'minimal' | 'full';
  concurrency?: number;
  drainTime: number;
}

export function agentCommand(program: Command): void {
  const command = program
    .command('agent')
    .summary('the node process of a cluster')
    .description(
      'Reads Ingress, Gateway API and CiliumEnvoyConfig objects from the API server, and configures the Envoy of this node. ' +
        'Envoy runs in a container of its own (`sluice envoy`) and goes on serving while this is away; the addresses that load ' +
        'balancers gave are made local to the node, which takes the capability NET_ADMIN.',
    )
    .optionsGroup('Which cluster:')
    .option('--kubeconfig <file>', "default: the Pod's service account, or your own kubeconfig")
    .option('--context <name>', 'a context of the kubeconfig')
    .addOption(new Option('--node-name <name>', 'the Node that this is').env('NODE_NAME').default(hostname()))
    .addOption(
      new Option('--namespace <name>', 'of the installation')
        .env('POD_NAMESPACE')
        .default('kube-system', 'kube-system'),
    );
  meshOptions(command)
    .addOption(
      new Option('--metrics-address <address:port|off>', '/metrics, /healthz and /readyz')
        .argParser(addressAndPort)
        .default({ address: '127.0.0.1', port: 9964 }, '127.0.0.1:9964'),
    )
    .optionsGroup('How it runs:')
    .option('--config-dir <dir>', 'options from files named after flags; those given here come first')
    .option('--state-dir <dir>', 'sockets and runtime files of this node', defaultStateDir())
    .addOption(
      new Option('--envoy <how>', 'external: `sluice envoy` runs it on the same state directory; child: this does')
        .choices(['external', 'child'])
        .default('external'),
    )
    .option('--concurrency <n>', "with --envoy child: Envoy's worker threads; default: one for each CPU", count)
    .addOption(
      new Option('--drain-time <duration>', 'with --envoy child: how long requests in flight may take at the end')
        .argParser(duration)
        .default(10_000, '10s'),
    );
  datapathOptions(command);
  telemetryOptions(command, 'info');
  xdsOptions(command).action(async (_flags: AgentFlags) => {
    const { configDir } = command.opts<AgentFlags>();
    if (configDir !== undefined) applyConfigDir(command, configDir);
    await runAgent(toAgentOptions(command.opts<AgentFlags>(), program.version() ?? ''));
  });
}

async function runAgent(options: AgentOptions): Promise<void> {
  const [{ startAgent }, { Parts }] = await Promise.all([
    import('../../agent/agent.ts'),
    import('../../agent/parts/parts.ts'),
  ]);
  await untilStopped(async (signal) => {
    const parts = new Parts();
    try {
      await startAgent(parts, options, signal);
    } catch (error) {
      await parts.close();
      throw error;
    }
    return () => parts.close();
  });
}

function toAgentOptions(flags: AgentFlags, version: string): AgentOptions {
  const datapath = toDatapathOptions(flags);
  return {
    version,
    node: flags.nodeName,
    ...(datapath === undefined ? {} : { datapath }),
    namespace: flags.namespace,
    stateDir: flags.stateDir,
    kube: {
      ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
    },
    mesh: toMeshOptions(flags, flags.namespace),
    features: toFeatures(flags),
    envoyProcess: flags.envoy,
    envoy: {
      stats: flags.envoyStats,
      drainTime: flags.drainTime,
      ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
    },
    ...telemetryOf(flags),
  };
}
