import { atMost, type Bench, below, figure } from '../../bench.ts';
import { now } from '../../support/clock.ts';
import { followGateway, followRoutes } from '../../support/cluster/follow.ts';
import { numbers, startClusterMesh } from '../../support/cluster/mesh.ts';
import { forEach, remove, routeName } from '../../support/cluster/objects.ts';
import { processesOf } from '../../support/cluster/processes.ts';
import { routeHost } from '../../support/objects.ts';

const peers = 'Envoy Gateway 1.9.1 on such a machine: served 7.1 s, statuses 7.5 s, 280 ms of CPU a route';
const countPeers = 'best peer: right after 1 s / 18 s, 193 writes (Cilium); Envoy Gateway 23 s / 45 s, 1,383 writes';

export const clusterBurst: Bench = {
  name: 'cluster-burst',
  about:
    '1,000 HTTPRoutes with a Service each in a real cluster: created, served, statuses and counts written, deleted',
  async run(context) {
    const count = context.quick ? 200 : 1000;
    const what = `${count.toLocaleString('en-US')} HTTPRoutes with a Service each, applied to the API server`;
    const mesh = await startClusterMesh(context);
    const { kube, name } = mesh;
    const gateway = await followGateway(context, kube);
    const routes = await followRoutes(context, kube);
    await mesh.createServices(count);
    const [agent, operator] = [processesOf(name, 'agent'), processesOf(name, 'operator')];
    const cpu = () => agent.cpu() + operator.cpu();
    const before = { cpu: cpu(), writes: gateway.writes() };
    const startedAt = now();
    await mesh.createRoutes(count, count);
    const createdAt = now();
    const [servedAt, acceptedAt, countedAt] = await Promise.all([
      mesh.allServed(numbers(count).map(routeHost)),
      routes.accepted(count),
      gateway.attached(count),
    ]);
    const after = { cpu: cpu(), writes: gateway.writes() };
    context.progress(`created in ${Math.round(createdAt - startedAt)} ms; served, accepted and counted`);
    await forEach(numbers(count), (i) => remove(kube, 'HTTPRoute', routeName(i)));
    const deletedAt = now();
    const uncountedAt = await gateway.attached(0);
    const end = gateway.writes();
    const seconds = (ms: number) => Math.max(0, ms) / 1000;
    return [
      figure(`${what}: last create to all served`, seconds(servedAt - createdAt), 's', { goal: below(1), peer: peers }),
      figure(`${what}: last create to all statuses written`, seconds(acceptedAt - createdAt), 's', {
        goal: below(2),
        peer: peers,
      }),
      figure(`${what}: CPU of agent and operator for each`, (after.cpu - before.cpu) / count, 'ms', {
        goal: below(20),
        peer: peers,
      }),
      figure(`${what}: first create to last create`, seconds(createdAt - startedAt), 's'),
      figure(`${what}: last create to attachedRoutes right`, seconds(countedAt - createdAt), 's', {
        goal: below(1),
        peer: countPeers,
      }),
      figure(`${what}: writes of the Gateway's status meanwhile`, after.writes - before.writes, '', {
        goal: atMost(50),
        peer: countPeers,
      }),
      figure(`${what}, and all deleted: last delete to attachedRoutes right`, seconds(uncountedAt - deletedAt), 's', {
        goal: below(1),
        peer: countPeers,
      }),
      figure(`${what}, and all deleted: writes of the Gateway's status meanwhile`, end - after.writes, '', {
        goal: atMost(50),
        peer: countPeers,
      }),
    ];
  },
};
