import type { Diagnostic, ObjectRef } from '../api/index.ts';
import { openKube } from '../kube/index.ts';
import type { Fault } from '../lib/fault.ts';
import { createLog } from '../lib/log.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { defaultEncodeOptions } from '../mesh/envoy/index.ts';
import type { Tables } from '../mesh/inputs.ts';
import { sharedPaths } from '../proxy/index.ts';
import { openKubernetesSource } from '../sources/index.ts';
import { startMetrics } from '../telemetry/metrics.ts';
import type { XdsServer } from '../xds/index.ts';
import type { AgentOptions } from './agent-options.ts';
import { startAddresses } from './cluster/address-part.ts';
import { openAgentEnvoy } from './cluster/agent-envoy.ts';
import { type NodeEvent, NodeEvents } from './cluster/node-events.ts';
import { RejectionPublisher } from './cluster/rejection-publisher.ts';
import { selectionsFor } from './cluster/selections.ts';
import { observeSource } from './cluster/source-metrics.ts';
import { type NodeStatus, nodeStatus } from './node-status.ts';
import { Findings, tellOf } from './parts/findings.ts';
import { serveNodeApi } from './parts/node-api.ts';
import type { Parts } from './parts/parts.ts';
import { Pipeline } from './parts/pipeline.ts';
import { firstAnswers, startXds } from './parts/xds-part.ts';
import { tracingOf } from './tracing.ts';
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

  const pipeline = new Pipeline({
    mesh: options.mesh,
    encode: {
      ...defaultEncodeOptions,
      ...tracing.encode,
      ...(options.accessLog === undefined ? {} : { accessLog: { target: options.accessLog } }),
    },
    adminSocket: envoy.admin.socketPath,
    meter: metrics.meter,
  });
  const { plane, cache } = pipeline;
  const findings = parts.add('findings', new Findings(plane, () => undefined, tellOf(log, undefined)));
  const source = parts.add(
    'source',
    openKubernetesSource({
      client,
      selections: selectionsFor(plane, options.features, { nodes: false }),
      settled: async () => plane.store.flush(),
      sink: (batch) => pipeline.receive(batch),
      onDiagnostics: (diagnostics) => findings.set('source', diagnostics),
      log,
    }),
  );
  observeSource(metrics.meter, source);

  let xds: XdsServer | undefined;
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
    }),
  );

  // Not a word to Envoy before all of the world is known: what is not in the cache it would be told is gone.
  await orAborted(source.ready, signal);
  pipeline.settle();
  const tcp = await xdsTcp(options);
  const server = await parts.start('xds', () =>
    startXds(pipeline, log, { unix: sharedPaths(options.stateDir).xdsSocket, ...tcp }),
  );
  xds = server;
  await orAborted(envoy.ready, signal);
  // What it refuses is known only then, and an Envoy that was ready before us has yet to come back.
  await firstAnswers(server, pipeline, signal);
  plane.store.flush();

  const events = parts.add(
    'events',
    new NodeEvents({ client, node: options.node, identify: (ref) => identityOf(plane.tables, ref), log }),
  );
  let faults: readonly Fault[] = [];
  const tell = () => events.stand([...refusals(plane.rejections.diagnostics), ...faultEvents(options.node, faults)]);
  parts.add('refusals', { close: plane.rejections.diagnostics.observe(tell) });
  tell();
  parts.add(
    'report of refusals',
    new RejectionPublisher({
      ...{ client, namespace: options.namespace, node: options.node, log },
      rejections: plane.rejections.table,
    }),
  );
  addresses = await parts.start('addresses', () =>
    startAddresses({
      meter: metrics.meter,
      pipeline,
      acked: () => server.waitAcked(cache.sequence, ['listeners']),
      log,
      drainTime: listenerDrainTime,
      onFaults: (found) => {
        faults = found;
        findings.set('addresses', found.map(addressDiagnostic));
        tell();
      },
    }),
  );
  if (envoy.drain !== undefined) parts.add('drain', { close: envoy.drain });
  log.info({ objects: source.stats().objects, ms: Date.now() - started }, 'agent serves');
}

function* refusals(diagnostics: { values(): Iterable<readonly Diagnostic[]> }): Iterable<NodeEvent> {
  for (const list of diagnostics.values())
    for (const { object, reason, message, hint } of list)
      if (object !== undefined) yield { object, reason, message: hint === undefined ? message : `${message}; ${hint}` };
}

function faultEvents(node: string, faults: readonly Fault[]): NodeEvent[] {
  const [first] = faults;
  if (first === undefined) return [];
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
  const message = `addresses of load balancers are not local to this node: ${first.message}${more}`;
  return [{ object: { group: '', kind: 'Node', name: node }, reason: 'AddressNotLocal', message }];
}

function addressDiagnostic({ message, hint }: Fault): Diagnostic {
  return { severity: 'error', reason: 'AddressNotLocal', message, ...(hint === undefined ? {} : { hint }) };
}

function identityOf(tables: Tables, ref: ObjectRef) {
  // Kubelets name themselves so, and `kubectl describe node` looks for that.
  if (ref.kind === 'Node') return { apiVersion: 'v1', uid: ref.name };
  if (!(ref.kind in tables)) return undefined;
  const table = tables[ref.kind as 'Ingress'];
  const object = table.get(ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`);
  if (object === undefined) return undefined;
  const { apiVersion, metadata } = object;
  return { apiVersion, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
}
