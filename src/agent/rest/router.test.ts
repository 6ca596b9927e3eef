import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createLog } from '../../lib/log.ts';
import { type ApiServer, serveApi } from '../api-server.ts';
import { BadRequest, createRouter, type Route } from './router.ts';

const log = createLog({ level: 'silent', format: 'text' });

const routes: Route[] = [
  { method: 'GET', path: '/things', handle: ({ body }) => ({ body: body ?? null }) },
  { method: 'GET', path: '/things/{id}', handle: ({ parameters }) => ({ body: parameters }) },
  { method: 'PUT', path: '/things/{id}', handle: ({ body }) => ({ status: 201, body }) },
  { method: 'GET', path: '/things/special', handle: () => ({ body: 'special' }) },
  {
    method: 'GET',
    path: '/wrong',
    handle() {
      throw new BadRequest('no', 418);
    },
  },
  {
    method: 'GET',
    path: '/broken',
    handle() {
      throw new Error('it broke');
    },
  },
  {
    method: 'GET',
    path: '/half',
    handle: () => ({
      stream: (function* () {
        yield '[1,';
        throw new Error('it broke');
      })(),
    }),
  },
];

describe('the router of the REST API', () => {
  let dir: string;
  let server: ApiServer;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-router-'));
    server = await serveApi({
      socket: join(dir, 's'),
      handlers: {},
      publicPaths: [],
      more: createRouter(routes, log),
      log,
    });
  });
  after(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });

  /** Bytes as they are, on a connection of their own; what came back before it closed. */
  async function raw(request: string): Promise<string> {
    const socket = connect(join(dir, 's'));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    // The other side may close before all was written.
    socket.on('error', () => {});
    socket.write(request);
    await new Promise((resolve) => socket.once('close', resolve));
    return Buffer.concat(chunks).toString('utf8');
  }
  const get = (target: string, more = '', body = '') =>
    raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n${body}`);
  const status = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

  it('a path without names goes before one with', async () => {
    assert.match(await get('/v1/things/special'), /"special"/);
    assert.match(await get('/v1/things/other%2Fone'), /\{"id":"other\/one"\}/);
  });

  it('says what is wrong: of the caller as it is, of ours with the reason', async () => {
    assert.match(await get('/v1/wrong'), /^HTTP\/1\.1 418[\s\S]*"no"/);
    assert.match(await get('/v1/broken'), /^HTTP\/1\.1 500[\s\S]*"it broke"/);
    assert.equal(status(await get('/v1/things', 'Content-Length: 1\r\n', '{')), 400);
    assert.equal(status(await get('/v1/nothing')), 404);
    assert.equal(status(await get('/v1/things/')), 404);
    assert.match(
      await raw('POST /v1/things/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 405[\s\S]*allow: GET, PUT/i,
    );
  });

  it('an answer that breaks off is cut, so that nobody takes it for whole', async () => {
    const answer = await get('/v1/half');
    assert.match(answer, /transfer-encoding: chunked/i);
    assert.doesNotMatch(answer, /\r\n0\r\n/, 'no last chunk');
  });

  it('a body that is too large is refused, and the next request is answered', async () => {
    const body = '1'.repeat(5 << 20);
    const answer = await raw(
      `PUT /v1/things/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    assert.equal(status(answer), 413, answer.slice(0, 100));
    assert.equal(status(await get('/v1/things')), 200);
  });

  it('answers anything at all with a status, or closes', async () => {
    const piece = fc.constantFrom(
      '/v1',
      '/things',
      '/',
      '//',
      '%',
      '%2F',
      '%00',
      '{id}',
      '..',
      '?',
      'a',
      '__proto__',
      '\u00e9',
    );
    const target = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));
    const body = fc.oneof(fc.string({ maxLength: 20 }), fc.json({ maxDepth: 2 }));
    await fc.assert(
      fc.asyncProperty(target, body, async (path, text) => {
        const answer = await get(path, `Content-Length: ${Buffer.byteLength(text)}\r\n`, text);
        assert.ok(answer === '' || [200, 400, 404, 405].includes(status(answer)), `${path}: ${answer}`);
      }),
      { numRuns: 200 },
    );
    assert.equal(status(await get('/v1/things')), 200);
  });
});
