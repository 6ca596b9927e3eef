import { pathOf } from '../../../../src/kube/index.ts';
import { type Bench, below, figure } from '../../bench.ts';
import { now, pause } from '../../support/clock.ts';
import { numbers, startClusterMesh } from '../../support/cluster/mesh.ts';
import { create, remove, route, routeName } from '../../support/cluster/objects.ts';
import { processesOf } from '../../support/cluster/processes.ts';
import { routeHost, serviceName } from '../../support/objects.ts';
import { median } from '../../support/statistics.ts';

const peer =
  'cores and memory, 16 cores: agentgateway 0.10, 513 MiB; istiod 0.28, 866 MiB; Envoy Gateway 4.09, 5.78 GiB';
const mib = 1_048_576 / 1e6;

export const clusterChurn: Bench = {
  name: 'cluster-churn',
  about: '5,000 routes of a real cluster with churn for ten minutes: CPU, memory and its growth',
  async run(context) {
    const [count, minutes] = context.quick ? [500, 0.5] : [5000, 10];
    const mesh = await startClusterMesh(context);
    const { kube, name } = mesh;
    await mesh.createServices(count);
    await mesh.createRoutes(count, count);
    await mesh.allServed(numbers(count).map(routeHost));
    const agent = processesOf(name, 'agent');
    const operator = processesOf(name, 'operator');
    const startedAt = now();
    const end = startedAt + minutes * 60_000;
    const before = { agent: agent.cpu(), operator: operator.cpu() };
    const memory: number[] = [];
    // Each second one route goes and another comes, and one Service's endpoints change.
    for (let i = 0; now() < end; i++) {
      await remove(kube, 'HTTPRoute', routeName(i % count));
      await create(kube, 'HTTPRoute', route(i % count, count));
      await kube.request({
        method: 'PATCH',
        path: pathOf('EndpointSlice', { namespace: 'default', name: `${serviceName((i * 7) % count)}-1` }),
        contentType: 'application/merge-patch+json',
        body: { metadata: { annotations: { 'example.com/round': `${i}` } } },
      });
      memory.push(agent.memory());
      await pause(Math.max(0, startedAt + (i + 1) * 1000 - now()));
      if (i % 60 === 59) context.progress(`${(i + 1) / 60} min: agent ${Math.round(agent.memory())} MB`);
    }
    const seconds = (now() - startedAt) / 1000;
    const cores = (cpu: number) => cpu / 1000 / seconds;
    const tenth = Math.max(1, Math.floor(memory.length / 10));
    const growth = median(memory.slice(-tenth)) / median(memory.slice(tenth, 2 * tenth)) - 1;
    const what = `${count.toLocaleString('en-US')} routes with churn for ${minutes} minutes`;
    return [
      figure(`${what}: agent, mean`, cores(agent.cpu() - before.agent), 'cores', { goal: below(0.1), peer }),
      figure(`${what}: agent, most memory`, Math.max(...memory) / mib, 'MiB', { goal: below(400), peer }),
      figure(`${what}: agent, growth of memory`, growth * 100, '%', { goal: below(5) }),
      figure(`${what}: operator, mean`, cores(operator.cpu() - before.operator), 'cores'),
      figure(`${what}: operator, memory`, operator.memory() / mib, 'MiB'),
    ];
  },
};
