import { serveApi } from '../agent/api-server.ts';
import { selectionsFor } from '../agent/cluster/selections.ts';
import { observeSource } from '../agent/cluster/source-metrics.ts';
import { type ControlPlane, createControlPlane } from '../agent/control-plane.ts';
import { followDiagnostics, logDiagnostics } from '../agent/diagnostics-log.ts';
import { Parts } from '../agent/parts/parts.ts';
import { observePlane } from '../agent/plane-metrics.ts';
import type { Diagnostic } from '../api/index.ts';
import { openKube } from '../kube/index.ts';
import { createLog } from '../lib/log.ts';
import { defaultEncodeOptions } from '../mesh/envoy/index.ts';
import { applyBatch } from '../mesh/inputs.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import { openKubernetesSource, type Selection } from '../sources/index.ts';
import { collectDiagnostics } from '../status/index.ts';
import { startMetrics } from '../telemetry/metrics.ts';
import { LeaderElection, whileLeading } from './leader-election.ts';
import { LeaderWork } from './leader-work.ts';
import { LiveObjects, liveRef } from './live-objects.ts';
import { observeDatapathWork, observeOperator } from './operator-metrics.ts';
import type { OperatorOptions } from './operator-options.ts';
import { derivePolicyStatuses } from './policy-statuses.ts';
import { deriveProblemStatuses } from './problem-statuses.ts';
import { RejectionsFeed } from './rejections-feed.ts';
import { setDiagnostics } from './source-diagnostics.ts';

export interface RunningOperator {
  /** Ends the term, if it leads, and everything else. */
  close(): Promise<void>;
  /** The TCP port of probes and metrics, if any. */
  readonly port: number | undefined;
  readonly leading: boolean;
}

/**
 * Starts an operator. Resolves when it has read everything and stands for election.
 * @throws Fault of what could not start; nothing is left running then.
 */
export async function startOperator(options: OperatorOptions, signal?: AbortSignal): Promise<RunningOperator> {
  const parts = new Parts();
  const stop = (): void => void parts.close().catch(() => {});
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await startParts(parts, options);
  } catch (error) {
    await parts.close();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function startParts(parts: Parts, options: OperatorOptions): Promise<RunningOperator> {
  const log = createLog(options.log);
  const metrics = parts.add('metrics', startMetrics());
  const client = parts.add(
    'client',
    openKube({
      userAgent: `sluice-operator/${options.version}`,
      ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      ...(options.context === undefined ? {} : { context: options.context }),
    }),
  );
  const planeMetrics = observePlane(metrics.meter);
  const plane = createControlPlane({
    mesh: options.mesh,
    // Published configurations are made of whole tables.
    ...(options.publishEnvoyConfigs
      ? { encode: { ...defaultEncodeOptions, bucketThreshold: Number.POSITIVE_INFINITY } }
      : {}),
    onFlush: (info) => planeMetrics.flushed(info),
  });
  planeMetrics.watch(plane);
  const problems = plane.store.table<readonly Diagnostic[]>('operator.problems');
  const unreadable = plane.store.table<readonly Diagnostic[]>('operator.unreadable');
  const addressStatuses = plane.store.table<ObjectStatus>('operator.address-statuses');

  const statuses = [
    deriveProblemStatuses(plane.store, plane.statuses, problems),
    ...derivePolicyStatuses(plane.store, plane.tables, unreadable),
  ];
  const live = new LiveObjects();
  const source = parts.add(
    'source',
    openKubernetesSource({
      client,
      selections: selectionsOf(plane, options),
      log,
      settled: () => plane.store.settled(),
      sink: (batch) => {
        planeMetrics.received(batch.changes.length);
        applyBatch(plane.tables, batch);
      },
      onDiagnostics: (diagnostics) => setDiagnostics(unreadable, diagnostics),
      onRaw: (resource, key, raw) => {
        if (raw !== undefined) live.set(raw, resource);
        else {
          const slash = key.indexOf('/');
          live.delete(liveRef(resource, slash < 0 ? undefined : key.slice(0, slash), key.slice(slash + 1)));
        }
      },
    }),
  );
  observeSource(metrics.meter, source);
  const everything = [...plane.diagnostics, problems, unreadable];
  parts.add(
    'diagnostics',
    followDiagnostics(everything, () => collectDiagnostics([], everything, () => undefined), logDiagnostics(log)),
  );
  parts.add('rejections', new RejectionsFeed(client, options.namespace, plane.rejections.table));

  const { leaseDuration } = options;
  const state = { ready: false };
  const election: LeaderElection = new LeaderElection({
    client,
    namespace: options.namespace,
    name: 'sluice-operator',
    identity: options.identity,
    duration: leaseDuration,
    // As Kubernetes' own controllers have it: 15 s, 10 s and 2 s.
    renewDeadline: (leaseDuration * 2) / 3,
    renewEvery: leaseDuration / 7.5,
    log,
    onStart: () => work.start(),
    onStop: () => work.stop(),
  });
  const work = new LeaderWork({
    client: whileLeading(client, election),
    plane,
    statuses,
    live,
    addressStatuses,
    problems,
    unread: unreadable,
    createClasses: options.createClasses,
    publishEnvoyConfigs: options.publishEnvoyConfigs,
    ...(options.datapath === undefined ? {} : { datapath: options.datapath }),
    log,
  });
  observeOperator(metrics.meter, { election, ...work });
  if (work.datapath !== undefined) observeDatapathWork(metrics.meter, work.datapath);

  const api = await parts.start('api', () =>
    serveApi({
      ...(options.metricsAddress === undefined ? {} : { tcp: options.metricsAddress }),
      publicPaths: ['/metrics', '/healthz', '/readyz', '/v1/status'],
      log,
      handlers: {
        '/healthz': () => ({ body: 'ok\n' }),
        '/readyz': () => (state.ready ? { body: 'ok\n' } : { status: 503, body: 'reading objects\n' }),
        '/metrics': async () => ({ body: await metrics.prometheus() }),
        '/v1/status': () => ({
          body: {
            version: options.version,
            identity: options.identity,
            leading: election.leading,
            leader: election.holder,
            parts: parts.states(),
            source: source.kinds(),
          },
        }),
      },
    }),
  );
  await source.ready;
  plane.store.flush();
  parts.add('election', election);
  election.start();
  state.ready = true;
  return {
    close: () => parts.close(),
    port: api.port,
    get leading() {
      return election.leading;
    },
  };
}

/** Who serves has no bearing on statuses: endpoints are the agents' business. */
function selectionsOf(plane: ControlPlane, { features, mesh, datapath }: OperatorOptions): Selection[] {
  // Nodes change with each kubelet's heartbeat: they are read only where their addresses are published.
  const nodes = mesh.gatewayAddresses === 'nodes';
  return [
    ...selectionsFor(plane, features, { nodes }).filter(({ kind }) => kind !== 'EndpointSlice'),
    { kind: 'CiliumLoadBalancerIPPool' },
    { kind: 'CiliumBGPLoadBalancerIPPool' },
    // Where nothing enforces them, their statuses say nothing either.
    ...(datapath === undefined
      ? []
      : ([{ kind: 'CiliumNetworkPolicy' }, { kind: 'CiliumClusterwideNetworkPolicy' }] as const)),
  ];
}
