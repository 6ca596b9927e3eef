import assert from 'node:assert/strict';
import { createLog } from '../lib/log.ts';
import { LeaderElection, whileLeading } from './leader-election.ts';
import { FakeApi, fault } from './testing/fake-api.ts';

const log = createLog({ level: 'silent', format: 'json' });
const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/sluice-operator';

/** Candidates on one API server, and who leads. */
class Candidates {
  readonly api = new FakeApi();
  readonly leading = new Set<string>();
  readonly history: string[] = [];
  readonly #all: LeaderElection[] = [];
  #waiting: (() => void)[] = [];

  add(
    identity: string,
    times: Partial<Record<'duration' | 'renewDeadline' | 'renewEvery', number>> = {},
  ): LeaderElection {
    const election = new LeaderElection({
      client: this.api.client(identity),
      namespace: 'kube-system',
      name: 'sluice-operator',
      identity,
      duration: 60_000,
      renewDeadline: 40_000,
      renewEvery: 5,
      log,
      ...times,
      onStart: () => {
        assert.deepEqual([...this.leading], [], `${identity} starts while another leads`);
        assert.ok(election.leading);
        this.leading.add(identity);
        this.#note(`${identity} starts`);
      },
      onStop: () => {
        assert.ok(!election.leading);
        this.leading.delete(identity);
        this.#note(`${identity} stops`);
      },
    });
    this.#all.push(election);
    election.start();
    return election;
  }
  async until(what: string): Promise<void> {
    while (!this.history.includes(what)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
  async close(): Promise<void> {
    for (const election of this.#all) await election.close();
  }
  #note(what: string): void {
    this.history.push(what);
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

describe('leader election', () => {
  let candidates: Candidates;
  beforeEach(() => {
    candidates = new Candidates();
  });
  afterEach(() => candidates.close());

  const holder = () =>
    (candidates.api.objects.get(path)?.spec as { holderIdentity?: string } | undefined)?.holderIdentity;

  it('has one leader, and the next one when it stops, without waiting for the lease to run out', async () => {
    const first = candidates.add('a');
    await candidates.until('a starts');
    candidates.add('b');
    await first.close();
    await candidates.until('b starts');
    assert.deepEqual(candidates.history, ['a starts', 'a stops', 'b starts']);
    assert.equal(holder(), 'b');
    assert.equal((candidates.api.objects.get(path)!.spec as { leaseTransitions: number }).leaseTransitions, 1);
  });

  it('is taken from a leader that has not been seen to renew for as long as the lease is', async () => {
    candidates.api.put(path, {
      metadata: { name: 'sluice-operator', namespace: 'kube-system' },
      // What its clock says is of no importance.
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 0.05, renewTime: '2099-01-01T00:00:00.000000Z' },
    });
    candidates.add('a');
    await candidates.until('a starts');
    assert.equal(holder(), 'a');
  });

  it('ends by itself before another may begin, when it cannot renew', async () => {
    candidates.add('a', { duration: 1000, renewDeadline: 60 });
    await candidates.until('a starts');
    candidates.api.before = ({ method }, who) => {
      if (who === 'a' && method === 'PUT') throw fault(500, 'InternalError');
    };
    await candidates.until('a stops');
    assert.equal(holder(), 'a', 'the lease still says so, and others wait');
    candidates.api.before = () => {};
    await candidates.until('a starts');
  });

  it('ends at its time also while the server says nothing at all', async () => {
    candidates.add('a', { renewDeadline: 40 });
    await candidates.until('a starts');
    candidates.api.before = ({ method, signal }) => {
      if (method !== 'PUT') return;
      const { promise, reject } = Promise.withResolvers<void>();
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      return promise;
    };
    await candidates.until('a stops');
    candidates.api.before = () => {};
  });

  it('goes on over a renewal whose answer was lost', async () => {
    candidates.add('a');
    await candidates.until('a starts');
    let lost = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    candidates.api.after = ({ method }) => {
      if (method !== 'PUT') return;
      if (lost++ === 0) throw fault(504, 'Timeout');
      resolve();
    };
    await promise;
    assert.deepEqual(candidates.history, ['a starts']);
  });

  it('stops at once when somebody else has the lease', async () => {
    candidates.add('a');
    await candidates.until('a starts');
    const lease = candidates.api.objects.get(path)!;
    candidates.api.put(path, { ...lease, spec: { ...(lease.spec as object), holderIdentity: 'b' } });
    await candidates.until('a stops');
    assert.equal(holder(), 'b');
  });

  it('has one leader of two that begin together', async () => {
    candidates.add('a');
    candidates.add('b');
    await Promise.race([candidates.until('a starts'), candidates.until('b starts')]);
    assert.equal(candidates.leading.size, 1);
  });

  it('lets nothing be written by one who does not lead', async () => {
    const api = new FakeApi();
    api.put('/api/v1/namespaces/n/configmaps/c', { metadata: { name: 'c' } });
    const election = { leading: false };
    const client = whileLeading(api.client(), election);
    const request = { method: 'PATCH', path: '/api/v1/namespaces/n/configmaps/c', body: {} } as const;
    await assert.rejects(client.request(request), /not the leader/);
    await client.request({ ...request, method: 'GET' });
    election.leading = true;
    await client.request(request);
    assert.deepEqual(api.log, [`GET ${request.path}`, `PATCH ${request.path}`]);
  });
});
