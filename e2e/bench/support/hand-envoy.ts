import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findEnvoy } from '../../../src/proxy/index.ts';
import { freePort } from '../../support/proxy-rig.ts';
import type { BenchContext } from '../bench.ts';
import { firstServed } from './prober.ts';
import { run } from './process.ts';

/**
 * The same Envoy binary as ours, with a static configuration as a person would write it for the same job: one listener, one
 * connection manager with nothing but the router, a virtual host for each host, one cluster with one endpoint.
 */
export async function startHandEnvoy(
  context: BenchContext,
  name: string,
  hosts: readonly string[],
  backendPort: number,
): Promise<{ port: number; pid: number }> {
  const port = await freePort();
  const path = join(context.dir, `${name}.json`);
  writeFileSync(path, JSON.stringify(configuration(port, hosts, backendPort)));
  // In a session of its own, as ours is and as services are: Linux shares out the CPU by session (sched_autogroup), and within
  // the session of the load generator a proxy had a third more requests a second than out of it.
  const args = ['-c', path, '--disable-hot-restart', '--log-level', 'error'];
  const envoy = run((await findEnvoy()).path, args, { detached: true });
  envoy.child.stdout?.resume();
  context.defer(() => envoy.stop());
  await firstServed('127.0.0.1', port, hosts.at(-1)!, { alive: () => envoy.child.exitCode === null });
  return { port, pid: envoy.pid };
}

function configuration(port: number, hosts: readonly string[], backendPort: number): object {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'ingress',
    use_remote_address: true,
    route_config: {
      name: 'local',
      virtual_hosts: hosts.map((host) => ({
        name: host,
        domains: [host],
        routes: [{ match: { prefix: '/' }, route: { cluster: 'backend' } }],
      })),
    },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'http',
          address: socket('127.0.0.1', port),
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
        },
      ],
      clusters: [
        {
          name: 'backend',
          type: 'STATIC',
          connect_timeout: '5s',
          load_assignment: {
            cluster_name: 'backend',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket('127.0.0.1', backendPort) } }] }],
          },
        },
      ],
    },
  };
}

function socket(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
