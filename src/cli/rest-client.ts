import { request } from 'node:http';
import { join } from 'node:path';
import { Fault } from '../lib/fault.ts';

export interface RestAnswer {
  readonly status: number;
  readonly text: string;
}

/** Where an agent is asked: the socket of its state directory, or one given by its path. */
export interface RestTarget {
  readonly stateDir: string;
  readonly socket?: string;
}

export const socketOf = ({ stateDir, socket }: RestTarget): string => socket ?? join(stateDir, 'agent.sock');

/** ms */
const patience = 30_000;

/**
 * Asks the REST API, and gives what it answers as data; undefined for 404 where the path is one of the API.
 * @throws Fault AGENT_NOT_RUNNING, AGENT_UNREACHABLE, NO_DATAPATH, AGENT_ANSWER with what the agent said
 */
export async function askRest<T>(
  target: RestTarget,
  path: string,
  { method = 'GET', body }: { readonly method?: string; readonly body?: unknown } = {},
): Promise<T | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<RestAnswer>();
  const call = openCall(target, path, method, body, reject);
  call.setTimeout(patience, () => call.destroy(new Error(`no answer in ${patience / 1000} s`)));
  call.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const isApi = response.headers['content-type']?.startsWith('text/plain') !== true;
      if (response.statusCode === 404 && !isApi) reject(noDatapath(target));
      else resolve({ status: response.statusCode ?? 0, text });
    });
  });
  const { status, text } = await promise;
  if (status === 404) return undefined;
  if (status >= 200 && status < 300) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw new Fault('AGENT_ANSWER', `the agent answered ${status} to ${method} ${path}: ${messageOf(text)}`);
}

/** Lines as they come, until the agent ends them or the signal does. @throws Fault as {@link askRest} */
export async function* followRest(target: RestTarget, path: string, signal: AbortSignal): AsyncGenerator<string> {
  const { promise, resolve, reject } = Promise.withResolvers<import('node:http').IncomingMessage>();
  const call = openCall(target, path, 'GET', undefined, reject);
  call.on('response', resolve);
  const stop = () => call.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const response = await promise;
    response.setEncoding('utf8');
    if (response.statusCode !== 200) {
      let text = '';
      for await (const chunk of response) text += chunk;
      if (response.statusCode === 404) throw noDatapath(target);
      throw new Fault('AGENT_ANSWER', `the agent answered ${response.statusCode} to ${path}: ${messageOf(text)}`);
    }
    let rest = '';
    for await (const chunk of response) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET')
      throw new Fault('AGENT_GONE', 'the agent ended while it was read', { cause: error });
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    call.destroy();
  }
}

function openCall(target: RestTarget, path: string, method: string, body: unknown, reject: (error: Error) => void) {
  const socketPath = socketOf(target);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const call = request({
    socketPath,
    path: `/v1${path}`,
    method,
    headers:
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
  });
  call.on('error', (error: NodeJS.ErrnoException) => {
    const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
    reject(
      absent
        ? new Fault('AGENT_NOT_RUNNING', `no agent answers on ${socketPath}`, {
            cause: error,
            hint: 'name its state directory with --state-dir, or start one with `sluice run --datapath=ebpf DIR`',
          })
        : Fault.from(error, 'AGENT_UNREACHABLE', `ask ${socketPath}`, 'its socket is open to its owner only'),
    );
  });
  call.end(text);
  return call;
}

function noDatapath({ stateDir }: RestTarget): Fault {
  return new Fault('NO_DATAPATH', `the agent of ${stateDir} has no datapath, or is of another version`, {
    hint: 'it has one when it runs with --datapath=ebpf',
  });
}

/** Errors are JSON texts. */
function messageOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : text.trim();
  } catch {
    return text.trim();
  }
}
