import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Bind, Listener } from '../mesh/model/index.ts';
import { sharedPorts } from './shared-ports.ts';

/** Listens as Envoy does, with SO_REUSEPORT, on the address and port given (0: any), and prints the port. */
const listenScript = `
const [address, port] = process.argv.slice(1);
const server = require('node:net').createServer();
server.listen({ host: address, port: Number(port), reusePort: true }, () => console.log(server.address().port));
`;

async function listen(address: string, port: number) {
  const child = spawn(process.execPath, ['-e', listenScript, address, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    pid: child.pid!,
    port: Number(line),
    async end() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

const listener = (address: string, port: number, transport: Bind['transport'] = 'tcp'): Listener => ({
  name: 'l',
  bind: { address, port, transport },
  chains: [],
  origins: [{ group: '', kind: 'Gateway', namespace: 'default', name: 'web' }],
});

describe('shared ports', () => {
  for (const address of ['127.0.0.1', '::1', '0.0.0.0']) {
    it(`are found on ${address}`, async () => {
      const ours = await listen(address, 0);
      try {
        const listeners = [listener(address, ours.port)];
        assert.deepEqual(sharedPorts(listeners, ours.pid), []);
        const theirs = await listen(address, ours.port);
        try {
          const [diagnostic, ...more] = sharedPorts(listeners, ours.pid);
          assert.deepEqual(more, []);
          assert.equal(diagnostic?.reason, 'PortShared');
          assert.ok(diagnostic?.message.includes(`:${ours.port} `), diagnostic?.message);
          assert.match(diagnostic?.hint ?? '', new RegExp(`ss -ltnp 'sport = :${ours.port}'`));
          assert.deepEqual(diagnostic?.object, listeners[0]?.origins[0]);
          assert.deepEqual(sharedPorts([listener('127.0.0.9', ours.port)], ours.pid), []);
          assert.deepEqual(sharedPorts([listener(address, ours.port, 'udp')], ours.pid), []);
        } finally {
          await theirs.end();
        }
        assert.deepEqual(sharedPorts(listeners, ours.pid), []);
      } finally {
        await ours.end();
      }
    });
  }

  it('are not those that Envoy does not have, nor is anything without Envoy', async () => {
    const theirs = await listen('127.0.0.1', 0);
    try {
      assert.deepEqual(sharedPorts([listener('127.0.0.1', theirs.port)], process.pid), []);
      assert.deepEqual(sharedPorts([listener('127.0.0.1', theirs.port)], undefined), []);
    } finally {
      await theirs.end();
    }
  });
});
