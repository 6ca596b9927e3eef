import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Diagnostic } from '../api/index.ts';
import { createLog } from '../lib/log.ts';
import { defaultEncodeOptions } from '../mesh/envoy/index.ts';
import { applyBatch, inputKinds } from '../mesh/inputs.ts';
import { Envoy } from '../proxy/index.ts';
import { openFileSource } from '../sources/index.ts';
import {
  collectDiagnostics,
  type Locate,
  located,
  rejectionKey,
  type ServedRow,
  servedRows,
  type Trial,
  trials,
} from '../status/index.ts';
import { startMetrics } from '../telemetry/metrics.ts';
import { ResourceCache, serveXds } from '../xds/index.ts';
import { serveApi } from './api-server.ts';
import { followChanges } from './applied.ts';
import { retryBinds } from './bind-retries.ts';
import { createControlPlane } from './control-plane.ts';
import { followDiagnostics, logDiagnostics } from './diagnostics-log.ts';
import { runEchoBackends } from './echo/backends.ts';
import type { NodeOptions } from './node-options.ts';
import type { NodeStatus } from './node-status.ts';
import { observePlane } from './plane-metrics.ts';
import { feedResources } from './resource-feed.ts';
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
  const log = createLog(options.log);
  const started = Date.now();
  const parts = new AsyncDisposableStack();
  try {
    const metrics = startMetrics();
    parts.defer(() => metrics.close());
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
    parts.defer(() => envoy.stop());

    const planeMetrics = observePlane(metrics.meter);
    const plane = createControlPlane({
      mesh: options.mesh,
      encode: {
        ...defaultEncodeOptions,
        ...tracing.encode,
        ...(options.accessLog === undefined ? {} : { accessLog: { target: options.accessLog } }),
      },
      adminSocket: envoy.admin.socketPath,
      onFlush: (info) => {
        planeMetrics.flushed(info);
        const sequence = feed.publish();
        following?.published(sequence);
      },
    });
    const cache = new ResourceCache();
    const feed = feedResources(plane.resources, cache);
    planeMetrics.watch(plane);

    let following: ReturnType<typeof followChanges> | undefined;
    let sourceDiagnostics: readonly Diagnostic[] = [];
    let shared: readonly Diagnostic[] = [];
    watcher?.stage(`reading ${options.paths.join(' ')}`);
    const source = openFileSource({
      paths: options.paths,
      log,
      sink: (batch) => {
        planeMetrics.received(batch.changes.length);
        following?.received(batch);
        applyBatch(plane.tables, batch);
      },
      onDiagnostics: (diagnostics) => {
        sourceDiagnostics = diagnostics;
        reporter.changed();
      },
    });
    parts.defer(() => source.close());
    const locate: Locate = (ref, field) => source.locationOf(ref, field);
    const diagnostics = () => collectDiagnostics([...sourceDiagnostics, ...shared], plane.diagnostics, locate);
    const reporter = followDiagnostics(
      plane.diagnostics,
      diagnostics,
      watcher === undefined ? logDiagnostics(log) : watcher.diagnostics.bind(watcher),
    );
    parts.defer(() => reporter.close());

    // A start that fails at once (no Envoy, state directory in use) must not wait for the files.
    await Promise.race([source.ready, serving.then(() => source.ready)]);
    plane.store.flush();
    feed.publish();

    await Promise.race([envoy.locked, serving]);
    const echo = runEchoBackends(plane.tables.Pod, log);
    parts.defer(() => echo.close());
    const xds = await serveXds({
      cache,
      log,
      unix: xdsSocket,
      ...(await xdsTcp(options)),
      onRejection: (rejection) => {
        plane.rejections.table.set(rejectionKey(rejection), rejection);
      },
      onAccepted: (rejection) => {
        plane.rejections.table.delete(rejectionKey(rejection));
      },
    });
    parts.defer(() => xds.close());
    const bindRetries = retryBinds(
      () => plane.rejections.table.values(),
      (name) => xds.retry('listeners', name),
    );
    parts.defer(() => bindRetries.close());

    const listeners = () => plane.listeners.flatMap((collection) => [...collection.values()]);
    const isRefused = (name: string) => plane.rejections.table.has(rejectionKey({ type: 'listeners', name }));
    const served = (most: number): ServedRow[] => servedRows(listeners(), plane.routesByTable(), isRefused, most);
    const lookForSharedPorts = () => {
      shared = sharedPorts(listeners(), envoy.pid).map((diagnostic) => located(diagnostic, locate));
    };
    const status = (): NodeStatus => {
      lookForSharedPorts();
      const found = diagnostics();
      const streams = xds.status();
      const problems = [
        ...(envoy.state === 'ready' ? [] : ['envoy']),
        ...(streams.length > 0 ? [] : ['xds']),
        ...(found.some((diagnostic) => diagnostic.severity === 'error') ? ['objects'] : []),
      ];
      const objects = Object.fromEntries(
        inputKinds.map((kind) => [kind, plane.tables[kind].size] as const).filter(([, size]) => size > 0),
      );
      return {
        version: options.version,
        pid: process.pid,
        uptime: (Date.now() - started) / 1000,
        envoy: {
          state: envoy.state,
          version: streams[0]?.envoyVersion ?? '',
          pid: envoy.pid,
          restarts: envoy.restarts,
        },
        sources: [{ paths: options.paths, stats: source.stats() }],
        objects,
        xds: streams,
        diagnostics: found,
        problems,
      };
    };
    const api = await serveApi({
      socket: join(options.stateDir, 'agent.sock'),
      ...(options.metricsAddress === undefined ? {} : { tcp: options.metricsAddress }),
      publicPaths: ['/metrics', '/metrics/envoy', '/healthz', '/readyz'],
      log,
      handlers: {
        '/healthz': () => ({ body: 'ok\n' }),
        '/readyz': () =>
          envoy.state === 'ready' ? { body: 'ok\n' } : { status: 503, body: `Envoy is ${envoy.state}\n` },
        '/metrics': async () => ({ body: await metrics.prometheus() }),
        '/metrics/envoy': async () => ({ body: await envoy.admin.prometheus() }),
        '/v1/status': () => ({ body: status() }),
        '/v1/served': (query) => ({ body: served(Number(query.get('most') ?? 1000)) }),
        '/v1/statuses': () => ({ body: [...plane.statuses.values()] }),
      },
    });
    parts.defer(() => api.close());
    watcher?.stage('waiting for Envoy to take its configuration');
    await serving;
    // What Envoy refuses of its first configuration is found out a moment after it is ready, and told with the rest.
    await Promise.race([xds.waitAcked(cache.sequence), delay(1000, undefined, { ref: false })]);
    plane.store.flush();
    lookForSharedPorts();
    if (shared.length > 0) reporter.changed();
    if (watcher !== undefined)
      following = followChanges(
        (sequence) => xds.waitAcked(sequence),
        (applied) => watcher.applied(applied),
      );
    const running = parts.move();
    // Envoy must be drained while xDS and the echo backends still answer: the stack ends them in the reverse order.
    running.defer(() => envoy.stop());
    return {
      status,
      diagnostics,
      served,
      trials: () => trials(served(1000), { echo: echo.running }),
      close: () => running.disposeAsync(),
    };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}
