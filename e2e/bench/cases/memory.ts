import { freePort } from '../../support/proxy-rig.ts';
import { type Bench, below, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { now, pause } from '../support/clock.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed, notServed } from '../support/prober.ts';
import { cpuTime, residentMB } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';
import { YamlFolder } from '../support/yaml-folder.ts';

const routes = 10_000;
const services = 1000;
const address = '127.0.0.1';

export const memory: Bench = {
  name: 'memory',
  about: 'memory of the control plane at 10,000 routes, and its CPU at rest',
  async run(context) {
    const [backend = 0] = await startBackends(context);
    const port = await freePort();
    const folder = new YamlFolder(`${context.dir}/objects`);
    const specs = Array.from({ length: routes }, (_, i) => simpleRoute(i, services));
    folder.fill(port, simpleServices(services, backend), specs, '100 to a file');
    const sluice = await startSluice(context, [folder.path]);
    await firstServed(address, port, routeHost(routes - 1), { alive: sluice.alive });
    const bad = await notServed(
      address,
      port,
      specs.map(({ host }) => host),
    );
    if (bad.length > 0) throw new Error(`not served: ${bad.slice(0, 5)}`);
    const { envoy } = await sluice.status();
    const first = residentMB(sluice.pid);
    // Rest: nothing is asked, nothing changes.
    await pause(context.quick ? 1000 : 10_000);
    const seconds = context.quick ? 5 : 30;
    const [cpuBefore, envoyCpuBefore, before] = [cpuTime(sluice.pid), cpuTime(envoy.pid!), now()];
    context.progress(`${Math.round(first)} MB once all was served; at rest for ${seconds} s`);
    await pause(seconds * 1000);
    const elapsed = now() - before;
    const share = (after: number, start: number) => (100 * (after - start)) / elapsed;
    return [
      figure('control plane memory (RSS) at 10,000 routes', residentMB(sluice.pid), 'MB', {
        goal: below(300),
        peer: 'at 1,000 routes: Envoy Gateway 198 to 263 MB; at 5,000: istiod 866 MiB, agentgateway 513 MiB, Cilium 662 MiB',
      }),
      figure('control plane memory (RSS) when the last of 10,000 routes was served', first, 'MB'),
      figure('Envoy memory (RSS) at 10,000 routes', residentMB(envoy.pid!), 'MB', {
        peer: 'Envoy Gateway at 1,000 routes: 105 MiB',
      }),
      figure('control plane CPU at rest, of one core', share(cpuTime(sluice.pid), cpuBefore), '%', {
        goal: below(0.5),
      }),
      figure('Envoy CPU at rest, of one core', share(cpuTime(envoy.pid!), envoyCpuBefore), '%'),
    ];
  },
};
