import { type Command, Option } from 'commander';
import type { NodeOptions } from '../../agent/node-options.ts';
import { Fault } from '../../lib/fault.ts';
import { defaultMeshOptions } from '../../mesh/model/index.ts';
import {
  type AddressOrOff,
  address,
  addressAndPort,
  count,
  duration,
  percentage,
  port,
  unlessOff,
} from '../arguments.ts';
import { plain, styleFor } from '../output/table.ts';
import { defaultStateDir } from '../state-dir.ts';
import { type DatapathFlags, datapathOptions, toDatapathOptions } from './datapath-options.ts';
import { type PoolFlags, poolOptions, toPools } from './pool-options.ts';

export interface RunFlags extends DatapathFlags, PoolFlags {
  address: string;
  httpPort: number;
  httpsPort: number;
  stateDir: string;
  metricsAddress: AddressOrOff;
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
  xdsAddress?: AddressOrOff;
  xdsCert?: string;
  xdsKey?: string;
  xdsCa?: string;
  logLevel: NodeOptions['log']['level'];
  logFormat: NodeOptions['log']['format'];
}

/** Adds every option of `sluice run`. */
export function runOptions(command: Command): Command {
  command
    .optionsGroup('Where it listens:')
    .option('--address <ip>', 'where Ingress and Gateways listen', address, '127.0.0.1')
    .option('--http-port <port>', 'Ingress: HTTP', port, 8080)
    .option('--https-port <port>', 'Ingress: HTTPS', port, 8443)
    .addOption(
      new Option('--metrics-address <address:port|off>', '/metrics, /healthz and /readyz')
        .argParser(addressAndPort)
        .default({ address: '127.0.0.1', port: 9964 }, '127.0.0.1:9964'),
    )
    .optionsGroup('What it serves:')
    .option('--default-ingress-class', 'also Ingresses that name no class')
    .option('--default-certificate <namespace/name>', 'TLS Secret for hosts that no other certificate fits')
    .option('--no-enforce-https', 'do not redirect HTTP to HTTPS for Ingress hosts with TLS');
  telemetryOptions(command, 'warn');
  command
    .optionsGroup('How it runs:')
    .option('--state-dir <dir>', 'sockets and runtime files of this node, one for each that runs', defaultStateDir())
    .option('--concurrency <n>', "Envoy's worker threads; default: one for each CPU", count)
    .addOption(
      new Option('--drain-time <duration>', 'how long requests in flight may take at the end')
        .argParser(duration)
        .default(10_000, '10s'),
    );
  poolOptions(datapathOptions(command))
    .option('--node-name <name>', 'the Node that this is; default: the name of the host')
    .option('--publish <dir>', 'leave what other nodes must know of this one in a folder that they read too');
  return xdsOptions(command);
}

/** Traces, statistics and logs, as every process with an Envoy has them. */
export function telemetryOptions(command: Command, logLevel: NodeOptions['log']['level']): Command {
  return command
    .optionsGroup('Traces, statistics and logs:')
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
    .addOption(
      new Option('--log-level <level>', 'least severe log line to print')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default(logLevel),
    )
    .addOption(
      new Option('--log-format <format>', 'text for a person, json for machines')
        .choices(['text', 'json'])
        .default(process.stderr.isTTY ? 'text' : 'json', 'text on a terminal, else json'),
    );
}

/** xDS over TCP. */
export function xdsOptions(command: Command): Command {
  return command
    .optionsGroup('xDS for other Envoys:')
    .option('--xds-address <address:port>', 'also serve xDS over TCP with mutual TLS', addressAndPort)
    .option('--xds-cert <file>', 'certificate for it (PEM)')
    .option('--xds-key <file>', 'its key (PEM)')
    .option('--xds-ca <file>', 'authority of the client certificates (PEM)');
}

export function toNodeOptions(paths: readonly string[], flags: RunFlags, version: string): NodeOptions {
  const pools = toPools(flags);
  if (pools !== undefined && flags.publish !== undefined)
    throw new Fault(
      'IPAM_NO_OPERATOR',
      `--ipam=${flags.ipam}: several nodes need an operator that gives them Pod CIDRs`,
      {
        hint: 'with --publish use --ipam=kubernetes, and write spec.podCIDRs into the Nodes of the folder',
      },
    );
  const datapath = toDatapathOptions(flags);
  return {
    version,
    ...(datapath === undefined ? {} : { datapath: { ...datapath, ...(pools === undefined ? {} : { pools }) } }),
    paths,
    stateDir: flags.stateDir,
    mesh: {
      ...defaultMeshOptions,
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
    ...telemetryOf(flags),
  };
}

export type TelemetryFlags = Pick<
  RunFlags,
  | 'metricsAddress'
  | 'accessLog'
  | 'otlpEndpoint'
  | 'otlpProtocol'
  | 'sampling'
  | 'serviceName'
  | 'xdsAddress'
  | 'xdsCert'
  | 'xdsKey'
  | 'xdsCa'
  | 'logLevel'
  | 'logFormat'
>;

/** What flags say of everything but what is served. */
export function telemetryOf(
  flags: TelemetryFlags,
): Pick<NodeOptions, 'metricsAddress' | 'accessLog' | 'tracing' | 'xds' | 'log'> {
  return {
    ...unlessOff('metricsAddress', flags.metricsAddress),
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
    ...(flags.xdsAddress === undefined || flags.xdsAddress === 'off'
      ? {}
      : { xds: { ...flags.xdsAddress, cert: flags.xdsCert, key: flags.xdsKey, ca: flags.xdsCa } }),
    log: { level: flags.logLevel, format: flags.logFormat, colour: styleFor(process.stderr) !== plain },
  };
}
