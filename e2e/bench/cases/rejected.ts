import { freePort } from '../../support/proxy-rig.ts';
import { type Bench, below, exactly, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { now, until } from '../support/clock.ts';
import { startLoad } from '../support/load.ts';
import { routeHost, simpleRoute, simpleServices } from '../support/objects.ts';
import { firstServed, notServed, Prober } from '../support/prober.ts';
import { startSluice } from '../support/sluice.ts';
import { median } from '../support/statistics.ts';
import { YamlFolder } from '../support/yaml-folder.ts';

const routes = 1000;
const address = '127.0.0.1';
/** What Envoy's Lua says of a function without an end: only Envoy can tell. */
const envoysWords = /script load error: .*'end' expected/;

export const rejected: Bench = {
  name: 'rejected',
  about: "a resource that Envoy refuses: from the file written to its owner's diagnostic with Envoy's own message",
  async run(context) {
    const [backend = 0] = await startBackends(context);
    const port = await freePort();
    const folder = new YamlFolder(`${context.dir}/objects`);
    const specs = Array.from({ length: routes }, (_, i) => simpleRoute(i, 100));
    folder.fill(port, simpleServices(100, backend), specs, '100 to a file');
    const sluice = await startSluice(context, [folder.path]);
    await firstServed(address, port, routeHost(routes - 1), { alive: sluice.alive });
    const hosts = specs.map(({ host }) => host);
    const load = startLoad(context, address, port, 4, hosts);
    const prober = await Prober.open(address, port);
    context.defer(() => prober.close());

    const told: number[] = [];
    const nextRoute: number[] = [];
    for (let i = 0; i < (context.quick ? 3 : 20); i++) {
      const name = `refused-${i}`;
      const before = now();
      folder.write(`${name}.yaml`, refusedConfig(name, await freePort()));
      await until(`a diagnostic of ${name}`, async () => {
        const { diagnostics } = await sluice.status();
        return diagnostics.some(
          ({ object, message }) =>
            object?.kind === 'CiliumEnvoyConfig' && object.name === name && envoysWords.test(message),
        );
      });
      told.push(now() - before);
      // While the refusal stands, others' changes go through.
      const route = simpleRoute(routes + i, 100);
      const writtenAt = now();
      folder.writeRoute(route);
      nextRoute.push((await prober.until(route.host, 200)).servedAt - writtenAt);
    }
    context.progress(`diagnostic after ${median(told).toFixed(0)} ms (median)`);
    const bad = await notServed(address, port, hosts);
    const { requests, failed } = await load.result();
    return [
      figure(
        `a rejected resource: file written to the owner's diagnostic with Envoy's message, slowest of ${told.length}`,
        Math.max(...told) / 1000,
        's',
        { goal: below(2), peer: 'Cilium: in agent logs only; Envoy Gateway: not in the status (#9463)' },
      ),
      figure('the same, median', median(told) / 1000, 's'),
      figure('a new route while such refusals stand: file written to request served, median', median(nextRoute), 'ms'),
      figure('other hosts not served while refusals stand', bad.length, '', { goal: exactly(0) }),
      figure(`requests failed meanwhile, of ${requests.toLocaleString('en-US')}`, failed, '', { goal: exactly(0) }),
    ];
  },
};

/** Well-formed, and of the right types; the script in it is not Lua. */
function refusedConfig(name: string, port: number): string {
  return `apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata:
  name: ${name}
spec:
  resources:
    - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
      name: listener
      address:
        socket_address:
          address: 127.0.0.1
          port_value: ${port}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: refused
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {prefix: "/"}
                          direct_response: {status: 204}
                http_filters:
                  - name: envoy.filters.http.lua
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
                      default_source_code:
                        inline_string: "function envoy_on_request(handle)"
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
`;
}
