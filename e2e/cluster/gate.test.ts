import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connectThrough } from '../support/cluster-network.ts';
import { freePort, temporaryDir } from '../support/proxy-rig.ts';
import { until } from '../support/until.ts';

describe('the gate of a testbed', () => {
  const dir = temporaryDir();
  const path = join(dir.path, 'gate.sock');
  let gate: ChildProcess;
  /** Answers, when all was said, with how many bytes it was. */
  let counter: Server;
  let counted: number;
  let outside: number;
  let sockets: Socket[] = [];

  before(async () => {
    counter = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      let length = 0;
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        length += chunk.length;
      });
      socket.on('end', () => socket.end(`${length} bytes`));
    }).listen(0, '127.0.0.1');
    await once(counter, 'listening');
    counted = (counter.address() as AddressInfo).port;
    const listening = createServer().listen(0, '127.0.0.1');
    await once(listening, 'listening');
    outside = (listening.address() as AddressInfo).port;
    const { fd } = (listening as unknown as { _handle: { fd: number } })._handle;
    gate = spawn(process.execPath, [join(import.meta.dirname, 'gate.ts'), `${counted}`, path], {
      stdio: ['ignore', 'inherit', 'inherit', fd],
    });
    listening.close();
    await until('the gate', () => existsSync(path));
  });
  beforeEach(() => {
    sockets = [];
  });
  after(async () => {
    gate.kill();
    await once(gate, 'exit');
    counter.close();
    dir[Symbol.dispose]();
  });

  const ways: Record<string, () => Promise<Socket> | Socket> = {
    'the socket that was made outside': () => connect({ host: '127.0.0.1', port: outside, allowHalfOpen: true }),
    CONNECT: () => connectThrough(path, '127.0.0.1', counted),
  };
  for (const [way, open] of Object.entries(ways)) {
    it(`carries what both sides say, each to its end, through ${way}`, async () => {
      const socket = await open();
      socket.end('x'.repeat(1 << 20));
      assert.equal(await text(socket), `${1 << 20} bytes`);
    });

    it(`ends the connection inside with the one outside, through ${way}`, async () => {
      const socket = await open();
      await until('the connection inside', () => sockets.length === 1);
      socket.on('error', () => {}).destroy();
      await until('its end', () => sockets[0]?.readableEnded || sockets[0]?.destroyed);
    });
  }

  it('says why there is no connection', async () => {
    await assert.rejects(connectThrough(path, '127.0.0.1', await freePort()), /^Error: ECONNREFUSED$/);
    await assert.rejects(connectThrough(path, 'no-such-host.invalid', 80), /^Error: (?:ENOTFOUND|EAI_AGAIN)$/);
  });
});
