import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../../lib/log.ts';
import { type ApiServerOptions, serveApi } from '../../api-server.ts';
import { createRest } from '../rest.ts';
import { type MadeUpView, madeUpView } from './made-up-view.ts';
import { checkAnswer } from './openapi.ts';

export const silentLog = createLog({ level: 'silent', format: 'text' });

export interface Asked {
  readonly body?: unknown;
  readonly raw?: string;
  readonly headers?: Record<string, string>;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly allow?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into what they know.
  json(): any;
}

/** `operation`: the path as the description has it; its answer is checked against that. */
export type AskRest = (method: string, path: string, operation?: string, asked?: Asked) => Promise<Answered>;

export interface RestRig {
  readonly dir: string;
  readonly view: MadeUpView;
  readonly ask: AskRest;
  stop(): Promise<void>;
}

/** The API on a socket, of a view that is made up. */
export async function startRestRig(handlers: ApiServerOptions['handlers'] = {}): Promise<RestRig> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-rest-'));
  const view = madeUpView();
  const socket = join(dir, 's');
  const server = await serveApi({
    ...{ socket, handlers, publicPaths: [], more: createRest(view, silentLog), log: silentLog },
  });
  return {
    dir,
    view,
    ask: (...call) => askOf(socket, ...call),
    async stop() {
      await server.close();
      rmSync(dir, { recursive: true });
    },
  };
}

async function askOf(
  socketPath: string,
  method: string,
  path: string,
  operation?: string,
  { body, raw, headers = {} }: Asked = {},
): Promise<Answered> {
  const sent = raw ?? (body === undefined ? '' : JSON.stringify(body));
  const { promise, resolve, reject } = Promise.withResolvers<Omit<Answered, 'json'>>();
  const call = request(
    { socketPath, method, path, headers: { ...headers, 'content-length': Buffer.byteLength(sent) } },
    (response) => {
      const { statusCode: status = 0, headers: got } = response;
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status, text, ...(got.allow === undefined ? {} : { allow: got.allow }) }));
    },
  );
  call.on('error', reject);
  call.end(sent);
  const answer = await promise;
  if (operation !== undefined) checkAnswer(method, operation, answer.status, answer.text);
  return { ...answer, json: () => JSON.parse(answer.text) };
}
