import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import type { LogOptions } from '../../lib/log.ts';
import type { OperatorOptions } from '../../operator/operator-options.ts';
import { type AddressOrOff, addressAndPort, duration, unlessOff } from '../arguments.ts';
import { applyConfigDir } from '../config-dir.ts';
import { plain, styleFor } from '../output/table.ts';
import { untilStopped } from '../until-stopped.ts';
import { type MeshFlags, meshOptions, toFeatures, toMeshOptions } from './mesh-options.ts';
import {
  type OperatorDatapathFlags,
  operatorDatapathOptions,
  toOperatorDatapath,
} from './operator-datapath-options.ts';

interface OperatorFlags extends MeshFlags, OperatorDatapathFlags {
  kubeconfig?: string;
  context?: string;
  namespace: string;
  configDir?: string;
  identity?: string;
  leaseDuration: number;
  createClasses?: boolean;
  publishEnvoyConfigs?: boolean;
  metricsAddress: AddressOrOff;
  logLevel: LogOptions['level'];
  logFormat: LogOptions['format'];
}

export function operatorCommand(program: Command): void {
  const command = program
    .command('operator')
    .summary('the process of a cluster that writes: statuses, load balancers, addresses')
    .description(
      'Reads the same objects as the agents, and writes what comes of them to the API server: statuses of Ingress, Gateway API and ' +
        'address pools, Services of type LoadBalancer and their addresses, Events. One leads, by a Lease; others stand by.',
    )
    .optionsGroup('Which cluster:')
    .option('--kubeconfig <file>', "default: the Pod's service account, or your own kubeconfig")
    .option('--context <name>', 'a context of the kubeconfig')
    .addOption(
      new Option('--namespace <name>', 'of the installation: the Lease is there, and what agents report')
        .env('POD_NAMESPACE')
        .default('kube-system', 'kube-system'),
    )
    .optionsGroup('Who leads:')
    .option('--identity <name>', 'unique among the operators of a cluster; default: made up')
    .addOption(
      new Option('--lease-duration <duration>', 'others take over when it has not been renewed for so long')
        .argParser(duration)
        .default(15_000, '15s'),
    );
  meshOptions(command);
  operatorDatapathOptions(command)
    .optionsGroup('What it writes besides:')
    .option('--create-classes', 'the IngressClass and the GatewayClass `cilium`')
    .option('--publish-envoy-configs', 'a CiliumEnvoyConfig for each Ingress and Gateway, to be read and not served')
    .optionsGroup('How it runs:')
    .option('--config-dir <dir>', 'options from files named after flags; those given here come first')
    .addOption(
      new Option('--metrics-address <address:port|off>', '/metrics, /healthz, /readyz and /v1/status')
        .argParser(addressAndPort)
        .default({ address: '127.0.0.1', port: 9963 }, '127.0.0.1:9963'),
    )
    .addOption(
      new Option('--log-level <level>', 'least severe log line to print')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'text for a person, json for machines')
        .choices(['text', 'json'])
        .default(process.stderr.isTTY ? 'text' : 'json', 'text on a terminal, else json'),
    )
    .action(async ({ configDir }: OperatorFlags) => {
      if (configDir !== undefined) applyConfigDir(command, configDir);
      const options = toOperatorOptions(command.opts<OperatorFlags>(), program.version() ?? '');
      const { startOperator } = await import('../../operator/operator.ts');
      await untilStopped(async (signal) => {
        const operator = await startOperator(options, signal);
        return () => operator.close();
      });
    });
}

function toOperatorOptions(flags: OperatorFlags, version: string): OperatorOptions {
  const { kubeconfig, context, namespace, identity, metricsAddress } = flags;
  const datapath = toOperatorDatapath(flags);
  return {
    version,
    namespace,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    identity: identity ?? `${hostname()}-${randomBytes(4).toString('hex')}`,
    leaseDuration: flags.leaseDuration,
    features: toFeatures(flags),
    mesh: toMeshOptions(flags, namespace),
    createClasses: flags.createClasses === true,
    publishEnvoyConfigs: flags.publishEnvoyConfigs === true,
    ...(datapath === undefined ? {} : { datapath }),
    ...unlessOff('metricsAddress', metricsAddress),
    log: { level: flags.logLevel, format: flags.logFormat, colour: styleFor(process.stderr) !== plain },
  };
}
