import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '../../src/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../src/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouterSchema } from '../../src/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { TcpProxySchema } from '../../src/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';

/** An HTTP listener on 127.0.0.1 with the given rest of its connection manager. */
export function httpListener(port: number, manager: MessageInitShape<typeof HttpConnectionManagerSchema>) {
  const routerFilter = {
    name: 'router',
    configType: { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) } as const,
  };
  const full = create(HttpConnectionManagerSchema, { statPrefix: 'ingress', httpFilters: [routerFilter], ...manager });
  return create(ListenerSchema, {
    name: `http-${port}`,
    address: {
      address: {
        case: 'socketAddress',
        value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } },
      },
    },
    filterChains: [
      {
        filters: [
          { name: 'http', configType: { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, full) } },
        ],
      },
    ],
  });
}

/** A TCP listener on 127.0.0.1 that hands every connection to the cluster `backend`. */
export function tcpListener(port: number) {
  const proxy = create(TcpProxySchema, { statPrefix: 'tcp', clusterSpecifier: { case: 'cluster', value: 'backend' } });
  return create(ListenerSchema, {
    name: `tcp-${port}`,
    address: {
      address: {
        case: 'socketAddress',
        value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } },
      },
    },
    filterChains: [
      { filters: [{ name: 'tcp', configType: { case: 'typedConfig', value: anyPack(TcpProxySchema, proxy) } }] },
    ],
  });
}

/** A cluster `backend` of one address on this machine. */
export function backendCluster(port: number) {
  const address = {
    case: 'socketAddress',
    value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } },
  } as const;
  return create(ClusterSchema, {
    name: 'backend',
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    loadAssignment: {
      clusterName: 'backend',
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: { address } } } }] }],
    },
  });
}

/** Below the ports that Linux gives to whoever asks for any, above the agent's proxy ports and below those of NodePort Services. */
const testPorts = { first: 20_000, count: 10_000 };
/** Processes that run at the same time begin at different ones. */
let told = process.pid * 101;

/**
 * A port of 127.0.0.1 that nobody listens on, and not one that this process was told before (as long as there are others). The kernel's
 * own choice for a socket of port 0 is made anew among 7,000 each time: two that a test keeps for different servers would now and then
 * be the same.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < testPorts.count; tries++) {
    const port = testPorts.first + (told++ % testPorts.count);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port of ${testPorts.count} from ${testPorts.first} on is free on 127.0.0.1`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createTcpServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** A backend that answers what `handler` says; its port. */
export async function startBackend(
  handler: Parameters<typeof createServer>[1],
): Promise<{ server: Server; port: number }> {
  const server = createServer(handler as () => void).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

/** A directory with a short path (Unix sockets) that is gone when disposed. */
export function temporaryDir(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'sluice-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
