import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Fault } from '../lib/fault.ts';
import type { Log } from '../lib/log.ts';

/** A GET handler: what it returns is the body; a string goes out as text, anything else as JSON. */
export type Handler = (query: URLSearchParams) => Promise<Answer> | Answer;
export interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

export interface ApiServerOptions {
  /** Unix socket, mode 0600: every path. */
  readonly socket?: string;
  /** `address:port` for probes and scrapers: only `publicPaths`. */
  readonly tcp?: { readonly address: string; readonly port: number };
  readonly handlers: Readonly<Record<string, Handler>>;
  readonly publicPaths: readonly string[];
  /** Asked on the socket for paths that no handler has: true where it answers. */
  readonly more?: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly log: Log;
}

export interface ApiServer {
  /** The TCP port in use, if any. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

/** ms between attempts to get a TCP address that is taken. */
const retryAfter = 500;

/**
 * The agent's own HTTP API. A TCP address that is taken is a warning, not the end: the mesh itself does not depend on it. It is
 * tried again until it is free: in a rolling update the agent that goes still has it while the one that comes starts.
 * @throws Fault API_SOCKET
 */
export async function serveApi(options: ApiServerOptions): Promise<ApiServer> {
  const { handlers, log, socket } = options;
  const local = socket === undefined ? undefined : await serveLocally(socket, handlers, log, options.more);
  let open: Server | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;
  if (options.tcp !== undefined) {
    const exposed = Object.fromEntries(options.publicPaths.map((path) => [path, handlers[path]]));
    const server = createServer((request, response) => answer(exposed, request, response, log));
    try {
      await listen(server, { host: options.tcp.address, port: options.tcp.port });
      open = server;
    } catch (error) {
      const { address, port } = options.tcp;
      log.warn({ err: error }, `no metrics and probes on ${address}:${port} yet; choose another --metrics-address`);
      const again = async (): Promise<void> => {
        try {
          await listen(server, { host: address, port });
          open = server;
          if (closed) await shut(server);
          else log.info(`metrics and probes on ${address}:${port}`);
        } catch {
          if (!closed) retry = setTimeout(again, retryAfter).unref();
        }
      };
      retry = setTimeout(again, retryAfter).unref();
    }
  }
  const bound = open?.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : undefined,
    async close() {
      closed = true;
      clearTimeout(retry);
      await Promise.all([local, open].map((server) => server && shut(server)));
      if (socket !== undefined) await rm(socket, { force: true });
    },
  };
}

async function serveLocally(
  socket: string,
  handlers: ApiServerOptions['handlers'],
  log: Log,
  more: ApiServerOptions['more'],
): Promise<Server> {
  const server = createServer((request, response) => answer(handlers, request, response, log, more));
  await rm(socket, { force: true });
  try {
    await listen(server, { path: socket });
    await chmod(socket, 0o600);
  } catch (error) {
    throw Fault.from(error, 'API_SOCKET', `listen on ${socket}`, 'choose another --state-dir');
  }
  return server;
}

async function answer(
  handlers: Readonly<Record<string, Handler | undefined>>,
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
  more?: ApiServerOptions['more'],
): Promise<void> {
  // Not by `new URL`: a request target may be anything, and `//` or `http://[` would throw.
  const target = request.url ?? '/';
  const question = target.indexOf('?');
  const pathname = question < 0 ? target : target.slice(0, question);
  const handler = Object.hasOwn(handlers, pathname) ? handlers[pathname] : undefined;
  if (handler === undefined) {
    if (more?.(request, response) === true) return;
    send(response, 404, `no such path; there are ${Object.keys(handlers).join(', ')}\n`);
    return;
  }
  if (request.method !== 'GET') {
    response.setHeader('allow', 'GET');
    send(response, 405, `${pathname} can only be read: GET\n`);
    return;
  }
  try {
    const { status = 200, body } = await handler(new URLSearchParams(question < 0 ? '' : target.slice(question + 1)));
    send(response, status, body);
  } catch (error) {
    log.warn({ err: error }, `GET ${pathname}`);
    send(response, 500, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': typeof body === 'string' ? 'text/plain; version=0.0.4; charset=utf-8' : 'application/json',
  });
  response.end(text);
}

async function listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  server.listen(where);
  await once(server, 'listening');
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
