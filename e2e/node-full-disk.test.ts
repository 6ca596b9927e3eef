import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { documents, ingress, service } from './support/kubernetes.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { startProber } from './support/prober.ts';
import { startBackend, temporaryDir } from './support/proxy-rig.ts';

/** A file system of 64 KiB; needs root, as `make test` does. */
function smallDisk(path: string): Disposable & { fill(): void; free(): void } {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', path]);
  const filler = join(path, 'filler');
  return {
    fill() {
      const file = openSync(filler, 'a');
      try {
        assert.throws(
          () => {
            for (;;) writeSync(file, Buffer.alloc(1024));
          },
          { code: 'ENOSPC' },
        );
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    [Symbol.dispose]: () => void execFileSync('umount', ['--lazy', path]),
  };
}

describe('sluice run: a full disk', () => {
  const dir = temporaryDir();
  let backend: { server: Server; port: number };

  before(async () => {
    backend = await startBackend((_, response) => response.end('hello'));
  });
  after(() => {
    backend?.server.close();
    dir[Symbol.dispose]();
  });

  const files = () => ({ 'web.yaml': documents(ingress('web', 'web.test', 'web'), service('web', [backend.port])) });

  async function servesAll(node: NodeRig, work: () => Promise<void>): Promise<void> {
    const prober = startProber(node.ports.http, 'web.test', `/${'x'.repeat(200)}`);
    try {
      await work();
      await prober.passes(300);
    } finally {
      assert.deepEqual((await prober.stop()).failures, []);
    }
    assert.ok(node.program.alive());
  }

  it('of the access log fails no request', async () => {
    using disk = smallDisk(join(dir.path, 'log'));
    await using stack = new AsyncDisposableStack();
    const log = join(dir.path, 'log/access.log');
    const node = await startNodeRig({ files: files(), args: () => ['--access-log', log] });
    stack.defer(() => node.stop());
    await node.served('web.test');
    await servesAll(node, async () => disk.fill());
    assert.ok(statSync(log).size < 65_536);
  });

  it('of the state directory changes nothing that runs; a start on it says what is wrong', async () => {
    const state = join(dir.path, 'state');
    using disk = smallDisk(state);
    const node = await startNodeRig({ files: files(), stateDir: state });
    try {
      await node.served('web.test');
      await servesAll(node, async () => {
        disk.fill();
        node.write('more.yaml', ingress('more', 'more.test', 'web'));
        await node.served('more.test');
        assert.equal((await node.status()).envoy.state, 'ready');
      });
    } finally {
      await node.stop();
    }
    rmSync(join(state, 'bootstrap.json'));
    disk.fill();
    await assert.rejects(startNodeRig({ files: files(), stateDir: state }), /ENOSPC|no space left/);
    disk.free();
    const again = await startNodeRig({ files: files(), stateDir: state });
    await again.served('web.test');
    await again.stop();
  });

  it('of the folder: what was cut off in writing is reported, what was good stays', async () => {
    const folder = join(dir.path, 'k8s');
    using disk = smallDisk(folder);
    const node = await startNodeRig({ files: files(), folder });
    try {
      await node.served('web.test');
      await servesAll(node, async () => {
        disk.fill();
        assert.throws(() => node.write('more.yaml', ingress('more', 'more.test', 'web')), { code: 'ENOSPC' });
        assert.deepEqual((await node.status()).diagnostics, []);
        disk.free();
        node.write('more.yaml', ingress('more', 'more.test', 'web'));
        await node.served('more.test');
      });
    } finally {
      await node.stop();
    }
  });
});
