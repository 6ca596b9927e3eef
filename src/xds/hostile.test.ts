import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import fc from 'fast-check';
import { Fault } from '../lib/fault.ts';
import { cluster, endpoints } from './testing/resources.ts';
import { type Rig, startRig } from './testing/rig.ts';

describe('hostile xDS clients', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await startRig();
    rig.cache.apply({ set: [cluster('a'), endpoints('a', 1)] });
  });
  afterEach(() => rig.close());

  const stillServes = async () => {
    const client = rig.connect();
    client.subscribe('clusters');
    await client.until(() => client.names('clusters').length === 1);
    client.close();
  };

  for (const protocol of ['delta', 'sotw'] as const) {
    it(`ignores a type that is not served (${protocol})`, async () => {
      const client = rig.connect({ protocol });
      client.send({ typeUrl: 'type.googleapis.com/nobody.Knows' });
      client.send({ typeUrl: '' });
      client.subscribe('clusters');
      await client.until(() => client.names('clusters').length === 1);
      assert.equal(rig.lines.filter((line) => line.includes('not served')).length, 2);
    });

    it(`ends the stream of a client that sends giant names (${protocol})`, async () => {
      const client = rig.connect({ protocol });
      client.send({ type: 'endpoints', subscribe: ['x'.repeat(1_000_000)] });
      await client.until(() => client.ended !== undefined);
      assert.equal(client.ended?.code, grpc.status.INVALID_ARGUMENT);
      await stillServes();
    });

    it(`survives garbage (${protocol})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
          const client = rig.connect({ protocol });
          client.sendRaw(bytes);
          // Either it decodes as something harmless, and the stream goes on, or the stream ends.
          client.send({ type: 'clusters' });
          await client.until(() => client.ended !== undefined || client.log.length > 0);
          client.close();
        }),
        { numRuns: 50 },
      );
      await stillServes();
    });
  }

  it('ignores nonces that it never gave, or gave for another type', async () => {
    const client = rig.connect({ manual: true });
    client.subscribe('clusters');
    client.subscribe('endpoints', ['a-eds']);
    await client.until(() => client.unanswered.length === 2);
    const [first, second] = client.unanswered;
    client.send({ type: 'clusters', nonce: 'no such nonce' });
    client.send({ type: 'clusters', nonce: second?.nonce ?? '', error: 'not mine' });
    client.send({ type: 'endpoints', nonce: first?.nonce ?? '' });
    client.send({ type: 'listeners', nonce: first?.nonce ?? '', error: 'not even subscribed' });
    await client.until(() => client.unanswered.length === 3, 'answer to the listeners subscription');
    assert.deepEqual(rig.rejections, []);
    assert.equal(rig.server.status()[0]?.types.clusters?.unanswered, 1);
    client.answerAll();
    await rig.server.waitAcked(rig.cache.sequence);
    assert.deepEqual(client.names('clusters'), ['a']);
  });
});

describe('xDS socket', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'xds-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is for its owner alone, and gone after the end', async () => {
    const rig = await startRig();
    assert.equal(lstatSync(rig.path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(rig.path)).mode & 0o777, 0o700);
    await rig.server.close();
    assert.equal(existsSync(rig.path), false);
    await rig.close();
  });

  it('replaces a dead socket, and leaves a live one and anything else alone', async () => {
    const path = join(dir, 'x.sock');
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await assert.rejects(startRig({ unix: path }), (error: Fault) => error.code === 'XDS_SOCKET_IN_USE');
    // Moved away, so that closing does not remove the name: the socket stays behind, dead.
    renameSync(path, join(dir, 'dead.sock'));
    await new Promise<void>((resolve) => other.close(() => resolve()));
    const rig = await startRig({ unix: join(dir, 'dead.sock') });
    await rig.close();
    writeFileSync(path, 'precious');
    await assert.rejects(startRig({ unix: path }), (error: Fault) => error.code === 'XDS_SOCKET_PATH');
    assert.equal(statSync(path).size, 8);
    await assert.rejects(startRig({ unix: join(dir, 'y'.repeat(120)) }), Fault);
  });
});
