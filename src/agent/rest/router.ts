import type { IncomingMessage, ServerResponse } from 'node:http';
import { explain, Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';

/** One operation: a method and a path with `{names}`, below `/v1`. */
export interface Route {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  readonly path: string;
  readonly handle: (call: Call) => Promise<Reply> | Reply;
}

export interface Call {
  /** What stands for the names of the path, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Parsed JSON; undefined where there was none. GET may have one too: Cilium's tools send labels so. */
  readonly body: unknown;
  /** Ends when the client goes. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status?: number;
  /** JSON; none for an empty body. */
  readonly body?: unknown;
  /** In place of `body`: pieces of text, sent as they come and as fast as the client reads. */
  readonly stream?: AsyncIterable<string> | Iterable<string>;
  readonly contentType?: string;
}

/** What the caller did wrong; the message goes out as it is. */
export class BadRequest extends Error {
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

const basePath = '/v1';
/** bytes: the largest body is a policy, and what etcd takes is 1.5 MB. */
const mostBody = 4 << 20;

/** True where the request is for one of the routes' paths, whatever its method; it is answered then. */
export type RestListener = (request: IncomingMessage, response: ServerResponse) => boolean;

export function createRouter(routes: readonly Route[], log: Log): RestListener {
  const table = routes.map((route) => ({ route, parts: route.path.split('/').slice(1) }));
  return (request, response) => {
    // Not by `new URL`: a request target may be anything.
    const target = request.url ?? '/';
    const question = target.indexOf('?');
    const pathname = question < 0 ? target : target.slice(0, question);
    if (!pathname.startsWith(`${basePath}/`)) return false;
    const parts = pathname.slice(basePath.length + 1).split('/');
    const found = table.flatMap(({ route, parts: pattern }) => {
      const parameters = match(pattern, parts);
      return parameters === undefined ? [] : [{ route, parameters }];
    });
    if (found.length === 0) return false;
    // A path without names goes before one with: `/identity/endpoints` is no identity.
    const fewest = Math.min(...found.map(({ parameters }) => Object.keys(parameters).length));
    const candidates = found.filter(({ parameters }) => Object.keys(parameters).length === fewest);
    const chosen = candidates.find(({ route }) => route.method === request.method);
    if (chosen === undefined) {
      response.setHeader('allow', candidates.map(({ route }) => route.method).join(', '));
      send(response, { status: 405, body: `${request.method} is not possible for ${pathname}` });
      request.resume();
      return true;
    }
    const query = new URLSearchParams(question < 0 ? '' : target.slice(question + 1));
    run(chosen.route, chosen.parameters, query, request, response, log).catch((error: unknown) => {
      log.warn({ err: error }, `${request.method} ${pathname}`);
      response.destroy();
    });
    return true;
  };
}

async function run(
  route: Route,
  parameters: Readonly<Record<string, string>>,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  let reply: Reply;
  try {
    const body = await bodyOf(request);
    reply = await route.handle({ parameters, query, headers: request.headers, body, signal: gone.signal });
  } catch (error) {
    if (error instanceof BadRequest) reply = { status: error.status, body: error.message };
    else {
      log.warn({ err: error }, `${route.method} ${route.path}`);
      const body = error instanceof Fault ? explain(error) : error instanceof Error ? error.message : String(error);
      reply = { status: 500, body };
    }
  }
  if (reply.stream === undefined) send(response, reply);
  else await sendStream(response, reply.stream, reply, gone.signal);
}

function match(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, expected] of pattern.entries()) {
    const part = parts[i] as string;
    if (!expected.startsWith('{')) {
      if (part !== expected) return undefined;
      continue;
    }
    if (part === '') return undefined;
    try {
      parameters[expected.slice(1, -1)] = decodeURIComponent(part);
    } catch {
      return undefined;
    }
  }
  return parameters;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= mostBody) chunks.push(chunk);
    else {
      // The rest is read and dropped: a client that is cut off while it writes does not see the answer.
      chunks = [];
      reject(new BadRequest(`a body of more than ${mostBody} bytes`, 413));
    }
  });
  request.once('end', () => resolve(Buffer.concat(chunks)));
  request.once('error', reject);
  const text = (await promise).toString('utf8').trim();
  return text === '' ? undefined : parseJson(text);
}

/** @throws BadRequest */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadRequest(`the body is no JSON: ${(error as Error).message}`);
  }
}

function send(response: ServerResponse, { status = 200, body }: Reply): void {
  const text = body === undefined ? '' : `${JSON.stringify(body)}\n`;
  response.writeHead(status, text === '' ? { 'content-length': 0 } : { 'content-type': 'application/json' });
  response.end(text);
}

async function sendStream(
  response: ServerResponse,
  stream: AsyncIterable<string> | Iterable<string>,
  { status = 200, contentType = 'application/json' }: Reply,
  gone: AbortSignal,
): Promise<void> {
  response.writeHead(status, { 'content-type': contentType });
  response.flushHeaders();
  for await (const text of stream) {
    if (gone.aborted) return;
    if (!response.write(text))
      await new Promise<void>((resolve) => {
        const done = () => {
          response.off('drain', done);
          response.off('close', done);
          resolve();
        };
        response.once('drain', done);
        response.once('close', done);
      });
  }
  response.end();
}
