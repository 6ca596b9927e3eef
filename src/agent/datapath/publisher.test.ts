import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { createLog } from '../../lib/log.ts';
import type { Manifest } from '../../network/endpoint/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { Publisher } from './publisher.ts';

const log = createLog({ level: 'silent', format: 'json' });
const pod = (name: string, state = ''): Manifest => ({
  ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata: { namespace: 'shop', name } },
  status: { state },
});

/** Takes one write at a time when it is told to. */
class Slow implements Pick<ClusterObjects, 'apply' | 'remove'> {
  readonly done: string[] = [];
  readonly #waiting: { readonly what: string; readonly end: PromiseWithResolvers<void> }[] = [];
  apply({ metadata, status }: Manifest): Promise<void> {
    return this.#wait(`${metadata.name} ${(status as { state: string }).state}`);
  }
  remove({ metadata }: Pick<Manifest, 'metadata'>): Promise<void> {
    return this.#wait(`${metadata.name} removed`);
  }
  get running(): string[] {
    return this.#waiting.map(({ what }) => what);
  }
  async next(error?: Error): Promise<void> {
    const { what, end } = this.#waiting.shift()!;
    if (error === undefined) {
      this.done.push(what);
      end.resolve();
    } else end.reject(error);
    await turn();
  }
  #wait(what: string): Promise<void> {
    const end = Promise.withResolvers<void>();
    this.#waiting.push({ what, end });
    return end.promise;
  }
}

describe('what a node tells others', () => {
  it('is written one at a time for each object, and of what is wanted meanwhile the newest alone', async () => {
    const objects = new Slow();
    const publisher = new Publisher(objects as unknown as ClusterObjects, log);
    publisher.apply(pod('a', 'creating'));
    publisher.apply(pod('b', 'ready'));
    publisher.apply(pod('a', 'waiting'));
    publisher.apply(pod('a', 'ready'));
    assert.deepEqual(objects.running, ['a creating', 'b ready']);
    await objects.next();
    assert.deepEqual(objects.running, ['b ready', 'a ready']);
    publisher.remove(pod('a'));
    await objects.next();
    await objects.next();
    await objects.next();
    assert.deepEqual(objects.done, ['a creating', 'b ready', 'a ready', 'a removed']);
    assert.equal(publisher.state().waiting, 0);
    await publisher.close();
  });

  it('is tried again where it was refused, as it is wanted by then', async () => {
    const objects = new Slow();
    const publisher = new Publisher(objects as unknown as ClusterObjects, log);
    publisher.apply(pod('a', 'ready'));
    await objects.next(new Error('no server'));
    const { failures, lastError, waiting } = publisher.state();
    assert.deepEqual({ failures, lastError, waiting }, { failures: 1, lastError: 'no server', waiting: 1 });
    // Somebody wants something newer before the wait is over: that goes at once.
    publisher.remove(pod('a'));
    assert.deepEqual(objects.running, ['a removed']);
    await objects.next();
    assert.equal(publisher.state().waiting, 0);
    await publisher.close();
  });

  it('ends with what is being written', async () => {
    const objects = new Slow();
    const publisher = new Publisher(objects as unknown as ClusterObjects, log);
    publisher.apply(pod('a', 'ready'));
    const closed = publisher.close();
    publisher.apply(pod('b', 'ready'));
    await objects.next();
    await closed;
    assert.deepEqual(objects.done, ['a ready']);
  });
});
