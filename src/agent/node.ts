import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Diagnostic } from '../api/index.ts';
import { collectHeap } from '../lib/heap-growth.ts';
import { createLog } from '../lib/log.ts';
import { defaultEncodeOptions } from '../mesh/envoy/index.ts';
import { Envoy } from '../proxy/index.ts';
import { openFileSource } from '../sources/index.ts';
import { type Locate, located, type ServedRow, type Trial, trials } from '../status/index.ts';
import { startMetrics } from '../telemetry/metrics.ts';
import { followChanges } from './applied.ts';
import { startNodeDatapath } from './datapath/node-datapath.ts';
import { runEchoBackends } from './echo/backends.ts';
import type { NodeOptions } from './node-options.ts';
import { type NodeStatus, nodeStatus } from './node-status.ts';
import { Findings, tellOf } from './parts/findings.ts';
import { serveNodeApi } from './parts/node-api.ts';
import { Parts } from './parts/parts.ts';
import { Pipeline } from './parts/pipeline.ts';
import { startXds } from './parts/xds-part.ts';
import { sharedPorts } from './shared-ports.ts';
import { tracingOf } from './tracing.ts';
import type { NodeWatcher } from './watcher.ts';
import { xdsTcp } from './xds-tcp.ts';

/** One mesh node, running. */
export interface RunningNode {
  status(): NodeStatus;
  diagnostics(): Diagnostic[];
  /** At most so many rows. */
  served(most: number): ServedRow[];
  /** Commands for a person to try. */
  trials(): Trial[];
  /** Drains Envoy, then ends everything. */
  close(): Promise<void>;
}

/**
 * Starts a node in embedded mode: files -> store -> translation -> xDS -> a real Envoy. Resolves when Envoy serves all that
 * was there at the start.
 * @throws Fault of the part that could not start; nothing is left running then.
 */
export async function startNode(
  options: NodeOptions,
  signal?: AbortSignal,
  watcher?: NodeWatcher,
): Promise<RunningNode> {
  const parts = new Parts();
  try {
    return await startParts(parts, options, signal, watcher);
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function startParts(
  parts: Parts,
  options: NodeOptions,
  signal: AbortSignal | undefined,
  watcher: NodeWatcher | undefined,
): Promise<RunningNode> {
  const log = createLog(options.log);
  const started = Date.now();
  const metrics = parts.add('metrics', startMetrics());
  const tracing = tracingOf(options, defaultEncodeOptions.systemAuthorities);
  const xdsSocket = join(options.stateDir, 'xds.sock');
  const envoy = new Envoy({
    stateDir: options.stateDir,
    bootstrap: {
      node: { id: 'sluice-node', cluster: 'sluice' },
      xdsSocket,
      stats: options.envoy.stats,
      clusters: tracing.clusters,
    },
    logger: log,
    ...(options.envoy.concurrency === undefined ? {} : { concurrency: options.envoy.concurrency }),
    drainTime: options.envoy.drainTime,
  });
  // Envoy's own start-up overlaps with reading and translating; it asks again until the xDS socket is there.
  const serving = envoy.start(signal);
  serving.catch(() => {});
  parts.add('envoy', { close: () => envoy.stop() });

  const pipeline = new Pipeline({
    mesh: options.mesh,
    encode: {
      ...defaultEncodeOptions,
      ...tracing.encode,
      clusterStats: options.envoy.stats === 'full',
      ...(options.accessLog === undefined ? {} : { accessLog: { target: options.accessLog } }),
    },
    adminSocket: envoy.admin.socketPath,
    policies: options.datapath !== undefined,
    meter: metrics.meter,
  });
  const { plane, cache } = pipeline;
  watcher?.stage(`reading ${options.paths.join(' ')}`);
  const source = parts.add(
    'source',
    openFileSource({
      paths: options.paths,
      log,
      sink: (batch) => pipeline.receive(batch),
      onDiagnostics: (diagnostics) => findings.set('source', diagnostics),
    }),
  );
  const locate: Locate = (ref, field) => source.locationOf(ref, field);
  const findings = parts.add('findings', new Findings(plane, locate, tellOf(log, watcher)));

  // A start that fails at once (no Envoy, state directory in use) must not wait for the files.
  await Promise.race([source.ready, serving.then(() => source.ready)]);
  pipeline.settle();

  await Promise.race([envoy.locked, serving]);
  const datapath =
    options.datapath === undefined
      ? undefined
      : await startNodeDatapath(parts, options.datapath, plane, {
          ...{ log, version: options.version, meter: metrics.meter },
          metrics: () => metrics.prometheus(),
        });
  const echo = parts.add('echo', runEchoBackends(plane.tables.Pod, log));
  const tcp = await xdsTcp(options);
  const xds = await parts.start('xds', () => startXds(pipeline, log, { unix: xdsSocket, ...tcp }));

  const lookForSharedPorts = () => {
    const found = sharedPorts(pipeline.listeners(), envoy.pid);
    findings.set(
      'shared ports',
      found.map((diagnostic) => located(diagnostic, locate)),
    );
  };
  const status = (): NodeStatus => {
    lookForSharedPorts();
    return nodeStatus({
      version: options.version,
      started,
      envoy,
      sources: [{ paths: options.paths, stats: source.stats() }],
      objects: pipeline.objects(),
      xds: xds.status(),
      diagnostics: findings.all(),
    });
  };
  const served = (most: number) => pipeline.served(most);
  await parts.start('api', () =>
    serveNodeApi({
      socket: join(options.stateDir, 'agent.sock'),
      ...(options.metricsAddress === undefined ? {} : { metricsAddress: options.metricsAddress }),
      ...{ log, envoy, metrics, plane, status, served },
      ...(datapath === undefined ? {} : { rest: datapath.rest }),
    }),
  );
  watcher?.stage('waiting for Envoy to take its configuration');
  await serving;
  // What Envoy refuses of its first configuration is found out a moment after it is ready, and told with the rest.
  await Promise.race([xds.waitAcked(cache.sequence), delay(1000, undefined, { ref: false })]);
  plane.store.flush();
  collectHeap();
  lookForSharedPorts();
  if (watcher !== undefined)
    pipeline.follow(
      followChanges(
        (sequence) => xds.waitAcked(sequence),
        (applied) => watcher.applied(applied),
      ),
    );
  // Envoy must be drained while xDS and the echo backends still answer: parts end in the reverse order.
  parts.add('drain', { close: () => envoy.stop() });
  return {
    status,
    diagnostics: () => findings.all(),
    served,
    trials: () => trials(served(1000), { echo: echo.running }),
    close: () => parts.close(),
  };
}
