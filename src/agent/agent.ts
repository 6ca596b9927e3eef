import type { Meter } from '@opentelemetry/api';
import { type KubeClient, openKube } from '../kube/index.ts';
import { boundHeapGrowth, collectHeap } from '../lib/heap-growth.ts';
import { createLog, type Log } from '../lib/log.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { defaultEncodeOptions } from '../mesh/envoy/index.ts';
import { sharedPaths } from '../proxy/index.ts';
import { type KubernetesSource, openKubernetesSource } from '../sources/index.ts';
import { startMetrics } from '../telemetry/metrics.ts';
import type { XdsServer } from '../xds/index.ts';
import type { AgentOptions } from './agent-options.ts';
import { startAddresses } from './cluster/address-part.ts';
import { type AgentEnvoy, openAgentEnvoy } from './cluster/agent-envoy.ts';
import { startReports } from './cluster/node-reports.ts';
import { selectionsFor } from './cluster/selections.ts';
import { observeSource } from './cluster/source-metrics.ts';
import { startClusterDatapath } from './datapath/cluster-datapath.ts';
import type { RunningDatapath } from './datapath/datapath.ts';
import { type NodeStatus, nodeStatus } from './node-status.ts';
import { Findings, tellOf } from './parts/findings.ts';
import { serveNodeApi } from './parts/node-api.ts';
import type { Parts } from './parts/parts.ts';
import { Pipeline } from './parts/pipeline.ts';
import { firstAnswers, startXds } from './parts/xds-part.ts';
import { type Tracing, tracingOf } from './tracing.ts';
import { xdsTcp } from './xds-tcp.ts';

/** ms for which a listener that is gone keeps its connections: Envoy's own default. */
const listenerDrainTime = 600_000;

/**
 * Starts the agent of one node of a cluster: API server -> store -> translation -> xDS -> Envoy. Resolves when Envoy serves all
 * that was there at the start, however long the API server or Envoy let it wait: what Envoy has stays in force until then.
 * @throws Fault of the part that could not start, or the signal's reason; `parts` is the caller's to close
 */
export async function startAgent(parts: Parts, options: AgentOptions, signal: AbortSignal): Promise<void> {
  const log = createLog(options.log);
  const started = Date.now();
  const metrics = parts.add('metrics', startMetrics());
  const tracing = tracingOf(options, defaultEncodeOptions.systemAuthorities);
  const client = openKube({ ...options.kube, userAgent: `sluice-agent/${options.version}` });
  parts.add('api server', client);
  const envoy = await openAgentEnvoy(parts, options, tracing.clusters, log);

  const { pipeline, source, findings } = readCluster(parts, {
    ...{ options, client, envoy, log },
    encode: tracing.encode,
    meter: metrics.meter,
  });
  const { plane, cache } = pipeline;
  let xds: XdsServer | undefined;
  let datapath: RunningDatapath | undefined;
  let addresses: Awaited<ReturnType<typeof startAddresses>> | undefined;
  const status = (): NodeStatus =>
    nodeStatus({
      version: options.version,
      node: options.node,
      started,
      envoy,
      sources: [{ paths: [client.server], stats: source.stats(), kinds: source.kinds() }],
      objects: pipeline.objects(),
      xds: xds?.status() ?? [],
      diagnostics: findings.all(),
      parts: parts.states(),
      ...(addresses === undefined ? {} : { addresses: addresses.state() }),
    });
  // Before anything that may take long: people and probes ask what it waits for.
  await parts.start('api', () =>
    serveNodeApi({
      socket: `${options.stateDir}/agent.sock`,
      ...(options.metricsAddress === undefined ? {} : { metricsAddress: options.metricsAddress }),
      ...{ log, envoy, metrics, plane, status },
      served: (most) => pipeline.served(most),
      rest: (request, response) => datapath?.rest(request, response) ?? false,
    }),
  );

  // Not a word to Envoy before all of the world is known: what is not in the cache it would be told is gone.
  await orAborted(source.ready, signal);
  pipeline.settle();
  // Pods need no Envoy to be set up.
  if (options.datapath !== undefined)
    datapath = await startClusterDatapath(parts, options.datapath, plane, {
      ...{ client, source, log, version: options.version, meter: metrics.meter },
      metrics: () => metrics.prometheus(),
    });
  const tcp = await xdsTcp(options);
  const server = await parts.start('xds', () =>
    startXds(pipeline, log, { unix: sharedPaths(options.stateDir).xdsSocket, ...tcp }),
  );
  xds = server;
  await orAborted(envoy.ready, signal);
  // What it refuses is known only then, and an Envoy that was ready before us has yet to come back.
  await firstAnswers(server, pipeline, signal);
  plane.store.flush();
  collectHeap();
  boundHeapGrowth();

  const reports = startReports(parts, {
    ...{ client, node: options.node, namespace: options.namespace, plane, findings, log },
  });
  addresses = await parts.start('addresses', () =>
    startAddresses({
      meter: metrics.meter,
      pipeline,
      acked: () => server.waitAcked(cache.sequence, ['listeners']),
      log,
      drainTime: listenerDrainTime,
      onFaults: (faults) => reports.addressFaults(faults),
    }),
  );
  if (envoy.drain !== undefined) parts.add('drain', { close: envoy.drain });
  log.info({ objects: source.stats().objects, ms: Date.now() - started }, 'agent serves');
}

interface Reading {
  readonly pipeline: Pipeline;
  readonly source: KubernetesSource;
  readonly findings: Findings;
}

/** From the API server to the xDS cache, as things come. */
function readCluster(
  parts: Parts,
  {
    options,
    client,
    envoy,
    encode,
    meter,
    log,
  }: {
    readonly options: AgentOptions;
    readonly client: KubeClient;
    readonly envoy: AgentEnvoy;
    readonly encode: Tracing['encode'];
    readonly meter: Meter;
    readonly log: Log;
  },
): Reading {
  const pipeline = new Pipeline({
    mesh: options.mesh,
    encode: {
      ...defaultEncodeOptions,
      ...encode,
      clusterStats: options.envoy.stats === 'full',
      ...(options.accessLog === undefined ? {} : { accessLog: { target: options.accessLog } }),
    },
    adminSocket: envoy.admin.socketPath,
    nodeName: options.node,
    meter,
  });
  const { plane } = pipeline;
  const findings = parts.add('findings', new Findings(plane, () => undefined, tellOf(log, undefined)));
  const source = parts.add(
    'source',
    openKubernetesSource({
      client,
      selections: selectionsFor(plane, options.features, {
        nodes: false,
        ...(options.datapath === undefined ? {} : { datapathOf: options.node }),
      }),
      settled: async () => plane.store.flush(),
      sink: (batch) => pipeline.receive(batch),
      onDiagnostics: (diagnostics) => findings.set('source', diagnostics),
      log,
    }),
  );
  observeSource(meter, source);
  return { pipeline, source, findings };
}
