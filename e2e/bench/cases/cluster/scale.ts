import { readFileSync } from 'node:fs';
import { pathOf } from '../../../../src/kube/index.ts';
import { auditLog } from '../../../cluster/control-plane.ts';
import { type Bench, type BenchContext, below, exactly, type Figure, figure } from '../../bench.ts';
import { now, pause } from '../../support/clock.ts';
import { type ClusterMesh, numbers, startClusterMesh } from '../../support/cluster/mesh.ts';
import { create, remove, route, routeName } from '../../support/cluster/objects.ts';
import { type Processes, processesOf } from '../../support/cluster/processes.ts';
import { routeHost, serviceName } from '../../support/objects.ts';
import { median } from '../../support/statistics.ts';

const peer =
  'cores and memory, 16 cores: agentgateway 0.10, 513 MiB; istiod 0.28, 866 MiB; Envoy Gateway 4.09, 5.78 GiB';
const mib = 1_048_576 / 1e6;
const minute = 60_000;

export const clusterScale: Bench = {
  name: 'cluster-scale',
  about:
    '5,000 routes and 5,000 Services in a real cluster: agent and operator at rest for five minutes, then churn for ten',
  async run(context) {
    const [count, rest, churn] = context.quick ? [200, 0.25 * minute, 0.25 * minute] : [5000, 5 * minute, 10 * minute];
    const mesh = await startClusterMesh(context);
    await mesh.createServices(count);
    await mesh.createRoutes(count, count);
    await mesh.allServed(numbers(count).map(routeHost));
    context.progress('all is served; now a minute for what is still written');
    await pause(context.quick ? 5000 : minute);
    const figures = await atRest(context, mesh, count, rest);
    context.progress('at rest; now churn');
    return [...figures, ...(await withChurn(context, mesh, count, churn))];
  },
};

async function atRest(context: BenchContext, { name }: ClusterMesh, count: number, ms: number): Promise<Figure[]> {
  const size = count.toLocaleString('en-US');
  const what = `${size} routes and ${size} Services in a real cluster, at rest`;
  const roles = [
    { role: 'agent', of: processesOf(name, 'agent') },
    { role: 'operator', of: processesOf(name, 'operator') },
  ];
  const before = roles.map(({ of }) => of.cpu());
  const offset = readFileSync(auditLog(name)).length;
  const startedAt = now();
  await pause(ms);
  const seconds = (now() - startedAt) / 1000;
  const requests = ours(readFileSync(auditLog(name)).subarray(offset).toString());
  const hourly = (list: readonly Audited[]) => (list.length / seconds) * 3600;
  const others = requests.filter((one) => !isWatch(one) && !isLease(one));
  for (const { verb, requestURI } of others.slice(0, 5)) context.progress(`no watch, no Lease: ${verb} ${requestURI}`);
  return [
    ...roles.flatMap(({ role, of }, i) => [
      figure(`${what}: memory of the ${role} (RSS)`, of.memory(), 'MB', { goal: below(250) }),
      figure(`${what}: CPU of the ${role}, of one core`, ((of.cpu() - (before[i] ?? 0)) / 1000 / seconds) * 100, '%', {
        goal: below(1),
      }),
    ]),
    figure(`${what}: API requests an hour that are neither watches nor for the Lease`, hourly(others), '', {
      goal: exactly(0),
    }),
    figure(`${what}: watches that ended or began, an hour`, hourly(requests.filter(isWatch)), ''),
    figure(`${what}: requests for the Lease an hour`, hourly(requests.filter(isLease)), ''),
  ];
}

/** Each second one route goes and another comes, and one Service's endpoints change. */
async function withChurn(context: BenchContext, mesh: ClusterMesh, count: number, ms: number): Promise<Figure[]> {
  const { kube, name } = mesh;
  const agent = processesOf(name, 'agent');
  const operator = processesOf(name, 'operator');
  const before = { agent: agent.cpu(), operator: operator.cpu() };
  const memory: number[] = [];
  const startedAt = now();
  for (let i = 0; now() < startedAt + ms; i++) {
    await remove(kube, 'HTTPRoute', routeName(i % count));
    await create(kube, 'HTTPRoute', route(i % count, count));
    await kube.request({
      method: 'PATCH',
      path: pathOf('EndpointSlice', { namespace: 'default', name: `${serviceName((i * 7) % count)}-1` }),
      contentType: 'application/merge-patch+json',
      body: { endpoints: endpoints(i) },
    });
    memory.push(agent.memory());
    await pause(Math.max(0, startedAt + (i + 1) * 1000 - now()));
    if (i % 60 === 59) context.progress(`${(i + 1) / 60} min: agent ${Math.round(agent.memory())} MB`);
  }
  const seconds = (now() - startedAt) / 1000;
  const cores = (of: Processes, start: number) => (of.cpu() - start) / 1000 / seconds;
  const tenth = Math.max(1, Math.floor(memory.length / 10));
  const growth = median(memory.slice(-tenth)) / median(memory.slice(tenth, 2 * tenth)) - 1;
  const what = `${count.toLocaleString('en-US')} routes with churn for ${Math.round(seconds / 6) / 10} minutes`;
  return [
    figure(`${what}: agent, mean`, cores(agent, before.agent), 'cores', { goal: below(0.1), peer }),
    figure(`${what}: agent, most memory`, Math.max(...memory) / mib, 'MiB', { goal: below(400), peer }),
    figure(`${what}: agent, growth of memory`, growth * 100, '%', { goal: below(5) }),
    figure(`${what}: operator, mean`, cores(operator, before.operator), 'cores'),
    figure(`${what}: operator, memory`, operator.memory() / mib, 'MiB'),
  ];
}

/** Addresses that nobody has: requests for these Services are not part of the figures. */
const endpoints = (round: number) => [{ addresses: [`10.90.0.${100 + (round % 100)}`], conditions: { ready: true } }];

interface Audited {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string };
}

const isWatch = ({ verb }: Audited) => verb === 'watch';
const isLease = ({ objectRef }: Audited) => objectRef?.resource === 'leases';

/** Requests of our service accounts. The last line may be half written. */
function ours(log: string): Audited[] {
  return log
    .slice(0, log.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Audited)
    .filter(({ user }) => /^system:serviceaccount:[^:]+:sluice(-operator)?$/.test(user.username));
}
