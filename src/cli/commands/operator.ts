import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import type { LogOptions } from '../../lib/log.ts';
import type { OperatorOptions } from '../../operator/operator-options.ts';
import { addressAndPort, duration } from '../arguments.ts';
import { applyConfigDir } from '../config-dir.ts';
import { plain, styleFor } from '../output/table.ts';

interface OperatorFlags {
  kubeconfig?: string;
  context?: string;
  namespace: string;
  configDir?: string;
  identity?: string;
  leaseDuration: number;
  ingress: boolean;
  gatewayApi: boolean;
  envoyConfig: boolean;
  hostNetwork?: boolean;
  loadbalancerMode: 'dedicated' | 'shared';
  defaultIngressClass?: boolean;
  defaultCertificate?: string;
  enforceHttps: boolean;
  createClasses?: boolean;
  publishEnvoyConfigs?: boolean;
  metricsAddress: { address: string; port: number } | undefined;
  logLevel: LogOptions['level'];
  logFormat: LogOptions['format'];
}

export function operatorCommand(program: Command): void {
  const command = program
    .command('operator')
    .summary('write statuses, load balancer Services and addresses of a cluster')
    .description(
      'Reads the objects of a Kubernetes cluster and writes what comes of them: statuses of Ingress, Gateway API and address pools, ' +
        'Services of type LoadBalancer and their addresses, Events. One in a cluster leads, by a Lease; more can stand by.',
    )
    .optionsGroup('The cluster:')
    .option('--kubeconfig <file>', "default: the Pod's service account, or ~/.kube/config")
    .option('--context <name>', "of the kubeconfig; default: the kubeconfig's own")
    .option('--namespace <name>', 'where the Lease is, and the reports of agents', 'kube-system')
    .option('--config-dir <dir>', 'folder of files named after options, such as a mounted ConfigMap')
    .optionsGroup('Who leads:')
    .option('--identity <name>', 'unique among operators; default: made up')
    .addOption(
      new Option('--lease-duration <duration>', 'others take over when it has not been renewed for so long')
        .argParser(duration)
        .default(15_000, '15s'),
    )
    .optionsGroup('What it reads:')
    .option('--no-ingress', 'no Ingresses')
    .option('--no-gateway-api', 'nothing of Gateway API')
    .option('--no-envoy-config', 'no CiliumEnvoyConfigs')
    .option('--default-ingress-class', 'also Ingresses that name no class')
    .option('--default-certificate <namespace/name>', 'TLS Secret for hosts that no other certificate fits')
    .option('--no-enforce-https', 'do not redirect HTTP to HTTPS for Ingress hosts with TLS')
    .optionsGroup('What it writes:')
    .option('--host-network', 'no Services: listeners are on the nodes, and so are the addresses')
    .addOption(
      new Option('--loadbalancer-mode <mode>', 'Ingresses that do not say it: one Service for each, or one for all')
        .choices(['dedicated', 'shared'])
        .default('dedicated'),
    )
    .option('--create-classes', 'make the IngressClass and the GatewayClass `cilium`')
    .option('--publish-envoy-configs', 'a CiliumEnvoyConfig for each Ingress and Gateway, to be read and not served')
    .optionsGroup('Metrics and logs:')
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
      await run(toOperatorOptions(command.opts<OperatorFlags>(), program.version() ?? ''));
    });
}

async function run(options: OperatorOptions): Promise<void> {
  const { startOperator } = await import('../../operator/operator.ts');
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        stop.abort();
        resolve();
        // A second one means now.
        process.once(signal, () => process.exit(130));
      });
  });
  const operator = await startOperator(options, stop.signal).catch((error: unknown) => {
    if (stop.signal.aborted) return undefined;
    throw error;
  });
  if (operator === undefined) return;
  await stopped;
  await operator.close();
}

function toOperatorOptions(flags: OperatorFlags, version: string): OperatorOptions {
  const { kubeconfig, context, namespace, identity, defaultCertificate, metricsAddress } = flags;
  return {
    version,
    namespace,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    identity: identity ?? `${hostname()}-${randomBytes(4).toString('hex')}`,
    leaseDuration: flags.leaseDuration,
    reads: { ingress: flags.ingress, gatewayApi: flags.gatewayApi, envoyConfig: flags.envoyConfig },
    mesh: {
      address: '0.0.0.0',
      httpPort: 80,
      httpsPort: 443,
      gatewayAddresses: flags.hostNetwork === true ? 'nodes' : 'service',
      sharedIngressService: `${namespace}/cilium-ingress`,
      ingressLoadBalancers: flags.loadbalancerMode,
      defaultIngressClass: flags.defaultIngressClass === true,
      enforceHttps: flags.enforceHttps,
      ...(defaultCertificate === undefined ? {} : { defaultCertificate }),
    },
    createClasses: flags.createClasses === true,
    publishEnvoyConfigs: flags.publishEnvoyConfigs === true,
    ...(metricsAddress === undefined ? {} : { metricsAddress }),
    log: { level: flags.logLevel, format: flags.logFormat, colour: styleFor(process.stderr) !== plain },
  };
}
