import { once } from 'node:events';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { Fault } from '../lib/fault.ts';
import type { Log } from '../lib/log.ts';
import { answerCall, describeRequest } from './answer-call.ts';
import { mostBytes } from './call.ts';
import type { CniHandler } from './request.ts';
import { Turns } from './turns.ts';

export interface CniServerOptions {
  /** Path of the Unix socket; only its owner may connect. What is there goes: whoever had it is dead, or being replaced. */
  readonly socket: string;
  readonly handler: CniHandler;
  readonly log: Log;
  /** Called after each call: for metrics. `code` is 0 where it went well. */
  readonly onCall?: (call: { readonly command: string; readonly seconds: number; readonly code: number }) => void;
}

export interface CniServer {
  /** No further call is taken; those that run are answered first. */
  close(): Promise<void>;
}

/** Only the owner may read and write: also between the socket's birth and any chmod. */
const ownersOnly = 0o177;

/**
 * Takes the calls that the plugin forwards: `POST /cni` with the body of `parseCall`. The answer's body is what the plugin prints; its
 * status is 200 where the plugin is to end with 0.
 * @throws Fault CNI_SOCKET
 */
export async function serveCni(options: CniServerOptions): Promise<CniServer> {
  const { socket } = options;
  const turns = new Turns();
  const server = createServer((request, response) => void serve(request, response, options, turns));
  let inode: number;
  try {
    await mkdir(dirname(socket), { recursive: true, mode: 0o755 });
    // Born under another name, then moved: an agent that starts takes the place of one that ends without a gap.
    const fresh = `${socket}.${process.pid}`;
    await rm(fresh, { force: true });
    await listen(server, fresh);
    await rename(fresh, socket);
    inode = (await stat(socket)).ino;
  } catch (error) {
    throw Fault.from(error, 'CNI_SOCKET', `listen on ${socket}`, 'choose another --cni-socket, or run as root');
  }
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      // Nobody connects to what takes no calls; what another agent has put there meanwhile is its own.
      const there = await stat(socket).catch(() => undefined);
      if (there?.ino === inode) await rm(socket, { force: true });
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  const before = process.umask(ownersOnly);
  try {
    // The socket is made within this call.
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { handler, log, onCall }: CniServerOptions,
  turns: Turns,
): Promise<void> {
  if (request.method !== 'POST' || request.url !== '/cni') return end(response, 404, '');
  const body = await read(request);
  if (body === 'gone') return;
  if (body === 'too large') return end(response, 413, '');
  const started = performance.now();
  const answer = await answerCall(body, handler, turns);
  const ms = performance.now() - started;
  const { error } = answer;
  const what = answer.request === undefined ? 'CNI call' : describeRequest(answer.request);
  if (error === undefined) log.debug({ ms: Math.round(ms * 10) / 10 }, what);
  else log.warn({ code: error.code, details: error.details, err: error.cause }, `${what} refused: ${error.message}`);
  onCall?.({ command: answer.request?.command ?? 'unknown', seconds: ms / 1000, code: error?.code ?? 0 });
  end(response, error === undefined ? 200 : 400, answer.body);
}

async function read(request: IncomingMessage): Promise<Buffer | 'gone' | 'too large'> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > mostBytes) return 'too large';
      chunks.push(chunk);
    }
  } catch {
    // The plugin was killed while it sent: nothing was begun.
    return 'gone';
  }
  return Buffer.concat(chunks);
}

function end(response: ServerResponse, status: number, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    connection: 'close',
  });
  response.end(bytes);
}
