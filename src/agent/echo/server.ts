// A child process that answers HTTP for Pods of a folder that has no cluster behind it. Told over IPC which addresses to
// listen on; each answer says which Pod gave it and what arrived, so that a person sees what routing did to the request.
import { createServer, type Server } from 'node:http';

export interface EchoTarget {
  readonly pod: string;
  readonly address: string;
  readonly port: number;
}

const servers = new Map<string, Server>();
/** By the same keys: an address can pass from one Pod to another. */
let targets = new Map<string, EchoTarget>();

process.on('message', (wanted: readonly EchoTarget[]) => {
  targets = new Map(wanted.map((target) => [`${target.address}|${target.port}`, target]));
  for (const [key, server] of servers) {
    if (targets.has(key)) continue;
    server.close();
    server.closeIdleConnections();
    servers.delete(key);
  }
  for (const [key, target] of targets) if (!servers.has(key)) servers.set(key, serve(key, target));
});
process.on('disconnect', () => process.exit(0));

function serve(key: string, target: EchoTarget): Server {
  const server = createServer((request, response) => {
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    request.on('end', () => {
      const { method, url, headers, httpVersion } = request;
      const { pod } = targets.get(key) ?? target;
      response.writeHead(200, { 'content-type': 'application/json', 'x-pod': pod });
      response.end(
        `${JSON.stringify({ pod, method, path: url, host: headers.host, httpVersion, bodyBytes: size, headers }, null, 2)}\n`,
      );
    });
  });
  server.on('error', (error: NodeJS.ErrnoException) => {
    servers.delete(key);
    process.send?.({ pod: target.pod, address: target.address, port: target.port, error: error.code ?? error.message });
  });
  // Longer than any proxy keeps an idle connection, so that closing it is never our doing.
  server.keepAliveTimeout = 3_600_000;
  server.listen(target.port, target.address);
  return server;
}
