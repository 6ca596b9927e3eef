// A control plane and its Envoy without files: a bench gives it objects, as a source would. A process of its own, so that the
// bench's probing does not take the control plane's time. Ends when its parent goes.
import { join } from 'node:path';
import { createControlPlane } from '../../../src/agent/control-plane.ts';
import { feedResources } from '../../../src/agent/resource-feed.ts';
import { type AnyObject, parseObject } from '../../../src/api/index.ts';
import { collectHeap } from '../../../src/lib/heap-growth.ts';
import { createLog } from '../../../src/lib/log.ts';
import { setObject } from '../../../src/mesh/inputs.ts';
import { defaultMeshOptions } from '../../../src/mesh/model/index.ts';
import { Envoy } from '../../../src/proxy/index.ts';
import { rejectionKey } from '../../../src/status/index.ts';
import { startMetrics } from '../../../src/telemetry/metrics.ts';
import { ResourceCache, serveXds, type XdsServer } from '../../../src/xds/index.ts';
import { now } from './clock.ts';
import { answerParent, type Handlers } from './ipc-requests.ts';
import type { Acked, Answers, Command, Started } from './object-plane-protocol.ts';
import { gatewayObjects, routeObject, type ServiceSpec, serviceObjects, simpleRoute } from './objects.ts';

const log = createLog({ level: 'error', format: 'text' });
const metrics = startMetrics();
const cache = new ResourceCache();
const plane = createControlPlane({ mesh: defaultMeshOptions, onFlush: () => feed.publish() });
const feed = feedResources(plane.resources, cache);
let objects: AnyObject[] = [];
let envoy: Envoy | undefined;
let xds: XdsServer | undefined;

const commands: Handlers<Command, Answers> = {
  prepare({ port, routes, services }) {
    objects = [
      ...gatewayObjects(port),
      ...services.flatMap(serviceObjects),
      ...Array.from({ length: routes }, (_, i) => routeObject(simpleRoute(i, services.length))),
    ].map(parsed);
    return { objects: objects.length };
  },
  async start({ stateDir }): Promise<Started> {
    const startedAt = now();
    const xdsSocket = join(stateDir, 'xds.sock');
    envoy = new Envoy({
      stateDir,
      bootstrap: { node: { id: 'bench', cluster: 'bench' }, xdsSocket },
      logger: log,
      drainTime: 0,
      stdout: 'ignore',
    });
    const serving = envoy.start();
    for (const object of objects) setObject(plane.tables, object);
    const stored = now() - startedAt;
    plane.store.flush();
    feed.publish();
    const translated = now() - startedAt;
    xds = await serveXds({
      cache,
      log,
      unix: xdsSocket,
      onRejection: (rejection) => plane.rejections.table.set(rejectionKey(rejection), rejection),
      onAccepted: (rejection) => plane.rejections.table.delete(rejectionKey(rejection)),
    });
    await serving;
    const envoyReady = now() - startedAt;
    objects = [];
    // As a node does at the end of its start.
    await xds.waitAcked(cache.sequence);
    collectHeap();
    return { startedAt, stored, translated, envoyReady };
  },
  'set-route'({ route }) {
    const object = parsed(routeObject(route));
    const at = now();
    setObject(plane.tables, object);
    return { at };
  },
  'delete-route'({ name }) {
    const at = now();
    plane.tables.HTTPRoute.delete(`default/${name}`);
    return { at };
  },
  async 'set-endpoints'({ service }): Promise<Acked> {
    const slice = endpointSlice(service);
    const sentBefore = await resourcesSent();
    const before = now();
    setObject(plane.tables, slice);
    await plane.store.settled();
    await xds?.waitAcked(cache.sequence);
    const ms = now() - before;
    return { ms, sent: (await resourcesSent()) - sentBefore };
  },
};

answerParent(commands, end);
process.on('SIGTERM', end);

async function end(): Promise<void> {
  await envoy?.stop();
  await xds?.close();
  process.exit(0);
}

function parsed(raw: object): AnyObject {
  const { object, diagnostics } = parseObject(raw);
  if (object === undefined) throw new Error(`not an object: ${JSON.stringify(diagnostics)}`);
  return object;
}

function endpointSlice(service: ServiceSpec): AnyObject {
  const slice = serviceObjects(service)
    .map(parsed)
    .find((object) => object.kind === 'EndpointSlice');
  if (slice === undefined) throw new Error('a Service without EndpointSlice');
  return slice;
}

async function resourcesSent(): Promise<number> {
  const text = await metrics.prometheus();
  const counts = text.matchAll(/^sluice_xds_resources_total\{[^}]*\} (\d+)/gm);
  return counts.reduce((sum, match) => sum + Number(match[1]), 0);
}
