import { readFileSync } from 'node:fs';
import { auditLog } from '../../../cluster/control-plane.ts';
import { type Bench, below, exactly, figure } from '../../bench.ts';
import { now, pause } from '../../support/clock.ts';
import { numbers, startClusterMesh } from '../../support/cluster/mesh.ts';
import { type Processes, processesOf } from '../../support/cluster/processes.ts';
import { routeHost } from '../../support/objects.ts';

export const clusterRest: Bench = {
  name: 'cluster-rest',
  about: 'agent and operator at rest with 5,000 routes and 5,000 Services in a real cluster: memory, CPU, API requests',
  async run(context) {
    const [count, minutes] = context.quick ? [200, 0.5] : [5000, 10];
    const mesh = await startClusterMesh(context);
    const { name } = mesh;
    await mesh.createServices(count);
    await mesh.createRoutes(count, count);
    await mesh.allServed(numbers(count).map(routeHost));
    context.progress('all is served; now a minute for what is still written');
    await pause(context.quick ? 5000 : 60_000);
    const roles = ['agent', 'operator'] as const;
    const processes = new Map<string, Processes>(roles.map((role) => [role, processesOf(name, role)]));
    const before = new Map(roles.map((role) => [role, processes.get(role)?.cpu() ?? 0]));
    const offset = readFileSync(auditLog(name)).length;
    const startedAt = now();
    await pause(minutes * 60_000);
    const seconds = (now() - startedAt) / 1000;
    const requests = ours(readFileSync(auditLog(name)).subarray(offset).toString());
    const hourly = (list: readonly Audited[]) => (list.length / seconds) * 3600;
    const others = requests.filter((one) => !isWatch(one) && !isLease(one));
    const size = count.toLocaleString('en-US');
    const what = `${size} routes and ${size} Services in a real cluster, at rest`;
    for (const { verb, requestURI } of others.slice(0, 5))
      context.progress(`neither watch nor Lease: ${verb} ${requestURI}`);
    return [
      ...roles.flatMap((role) => {
        const of = processes.get(role) as Processes;
        const cpu = ((of.cpu() - (before.get(role) ?? 0)) / 1000 / seconds) * 100;
        return [
          figure(`${what}: memory of the ${role} (RSS)`, of.memory(), 'MB', { goal: below(250) }),
          figure(`${what}: CPU of the ${role}, of one core`, cpu, '%', { goal: below(1) }),
        ];
      }),
      figure(`${what}: API requests an hour that are neither watches nor for the Lease`, hourly(others), '', {
        goal: exactly(0),
      }),
      figure(`${what}: watches begun an hour`, hourly(requests.filter(isWatch)), ''),
      figure(`${what}: requests for the Lease an hour`, hourly(requests.filter(isLease)), ''),
    ];
  },
};

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
