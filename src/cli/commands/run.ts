import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { NodeOptions } from '../../agent/node-options.ts';
import { Fault } from '../../lib/fault.ts';
import { address, addressAndPort, count, duration, percentage, port } from '../arguments.ts';
import { LiveReport } from '../output/live.ts';
import { formatStart, mostRows } from '../output/start.ts';
import { plain, styleFor } from '../output/table.ts';
import { defaultStateDir } from '../state-dir.ts';

interface RunFlags {
  address: string;
  httpPort: number;
  httpsPort: number;
  datapath: 'none';
  stateDir: string;
  metricsAddress: { address: string; port: number } | undefined;
  accessLog?: string;
  otlpEndpoint?: string;
  otlpProtocol: 'grpc' | 'http';
  sampling: number;
  serviceName: string;
  envoyStats: 'minimal' | 'full';
  concurrency?: number;
  drainTime: number;
  defaultIngressClass?: boolean;
  defaultCertificate?: string;
  enforceHttps: boolean;
  xdsAddress?: { address: string; port: number };
  xdsCert?: string;
  xdsKey?: string;
  xdsCa?: string;
  logLevel: NodeOptions['log']['level'];
  logFormat: NodeOptions['log']['format'];
}

export function runCommand(program: Command): void {
  program
    .command('run')
    .argument('<dir...>', 'folders (watched, with what is below them) and files of Kubernetes YAML or JSON')
    .option('--address <ip>', 'where Ingress and Gateways listen', address, '127.0.0.1')
    .option('--http-port <port>', 'Ingress: HTTP', port, 8080)
    .option('--https-port <port>', 'Ingress: HTTPS', port, 8443)
    .addOption(
      new Option('--datapath <kind>', 'L3-L4 datapath; none: all of L7, on host ports')
        .choices(['none'])
        .default('none'),
    )
    .option('--state-dir <dir>', 'sockets and runtime files of this node', defaultStateDir())
    .option('--metrics-address <address:port|off>', '/metrics, /healthz and /readyz', addressAndPort, {
      address: '127.0.0.1',
      port: 9964,
    })
    .option('--access-log <file>', 'JSON access log; - for standard output')
    .option('--otlp-endpoint <url>', 'send spans there, such as http://127.0.0.1:4317; starts and continues W3C traces')
    .addOption(new Option('--otlp-protocol <protocol>', 'OTLP over').choices(['grpc', 'http']).default('grpc'))
    .option('--sampling <percent>', 'share of new traces that are sampled', percentage, 100)
    .option('--service-name <name>', 'service.name of the spans', 'sluice')
    .addOption(
      new Option('--envoy-stats <mode>', 'full: also for each cluster and virtual host')
        .choices(['minimal', 'full'])
        .default('minimal'),
    )
    .option('--concurrency <n>', "Envoy's worker threads; default: one for each CPU", count)
    .option('--drain-time <duration>', 'how long requests in flight may take at the end', duration, 10_000)
    .option('--default-ingress-class', 'also serve Ingresses that name no class')
    .option('--default-certificate <namespace/name>', 'TLS Secret for hosts that no other certificate fits')
    .option('--no-enforce-https', 'do not redirect HTTP to HTTPS for Ingress hosts with TLS')
    .option('--xds-address <address:port>', 'also serve xDS over TCP with mutual TLS', addressAndPort)
    .option('--xds-cert <file>', 'certificate for it (PEM)')
    .option('--xds-key <file>', 'its key (PEM)')
    .option('--xds-ca <file>', 'authority of the client certificates (PEM)')
    .addOption(
      new Option('--log-level <level>', 'least severe log line to print')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn'),
    )
    .addOption(
      new Option('--log-format <format>', 'log lines')
        .choices(['text', 'json'])
        .default(process.stderr.isTTY ? 'text' : 'json'),
    )
    .summary('serve a folder of Kubernetes YAML with a real Envoy')
    .description(
      'Serves Ingress (class cilium), Gateway API (class cilium) and CiliumEnvoyConfig objects from files, with a real Envoy and\n' +
        'no cluster. The folders are watched: an edit is in force at once, and what is wrong is reported with file and line while\n' +
        'the last good version goes on. Services without EndpointSlices use the Pods that they select. Ctrl-C drains and ends it.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice run examples/quickstart\n  sluice run k8s/ --http-port 80 --https-port 443 --access-log -',
    )
    .action(async (paths: string[], flags: RunFlags) => run(paths, flags, program.version() ?? ''));
}

async function run(paths: string[], flags: RunFlags, version: string): Promise<void> {
  if (!paths.some((path) => existsSync(path))) {
    throw new Fault('PATH_NOT_FOUND', `there is no ${paths.join(', and no ')}`, {
      hint: 'check the spelling, or make the folder first: files that are added later are picked up',
    });
  }
  const { startNode } = await import('../../agent/node.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stop.abort();
      // A second one means now.
      process.once(signal, () => process.exit(130));
    });
  }
  // Machines read log lines; a person gets what compilers print.
  const live =
    flags.logFormat === 'text' && flags.logLevel !== 'silent'
      ? new LiveReport((text) => process.stderr.write(text), styleFor(process.stderr))
      : undefined;
  const started = performance.now();
  const node = await startNode(toOptions(paths, flags, version), stop.signal, live).catch((error: unknown) => {
    live?.started();
    if (stop.signal.aborted) return undefined;
    throw error;
  });
  if (node === undefined) return;
  const diagnostics = node.diagnostics();
  const statusCommand = `sluice status${flags.stateDir === defaultStateDir() ? '' : ` --state-dir ${flags.stateDir}`}`;
  live?.started(diagnostics);
  process.stdout.write(
    formatStart(
      { paths, rows: node.served(mostRows + 1), trials: node.trials(), diagnostics, statusCommand },
      Math.round(performance.now() - started),
      styleFor(process.stdout),
    ),
  );
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve();
    stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await node.close();
}

function toOptions(paths: readonly string[], flags: RunFlags, version: string): NodeOptions {
  return {
    version,
    paths,
    stateDir: flags.stateDir,
    mesh: {
      address: flags.address,
      httpPort: flags.httpPort,
      httpsPort: flags.httpsPort,
      gatewayAddresses: flags.address.startsWith('127.') ? 'next' : 'single',
      defaultIngressClass: flags.defaultIngressClass === true,
      enforceHttps: flags.enforceHttps,
      ...(flags.defaultCertificate === undefined ? {} : { defaultCertificate: flags.defaultCertificate }),
    },
    envoy: {
      stats: flags.envoyStats,
      drainTime: flags.drainTime,
      ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
    },
    ...(flags.metricsAddress === undefined ? {} : { metricsAddress: flags.metricsAddress }),
    ...(flags.accessLog === undefined
      ? {}
      : { accessLog: flags.accessLog === '-' ? ('stdout' as const) : { path: flags.accessLog } }),
    ...(flags.otlpEndpoint === undefined
      ? {}
      : {
          tracing: {
            endpoint: flags.otlpEndpoint,
            protocol: flags.otlpProtocol,
            sampling: flags.sampling,
            serviceName: flags.serviceName,
          },
        }),
    ...(flags.xdsAddress === undefined
      ? {}
      : { xds: { ...flags.xdsAddress, cert: flags.xdsCert, key: flags.xdsKey, ca: flags.xdsCa } }),
    log: { level: flags.logLevel, format: flags.logFormat, colour: styleFor(process.stderr) !== plain },
  };
}
