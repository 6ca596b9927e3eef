import assert from 'node:assert/strict';
import { type KubeClient, KubeFault } from '../kube/index.ts';
import { awaitDaemonSet } from './await-daemon-set.ts';

const pod = (nodeName: string, isReady: boolean, message?: string) => ({
  metadata: { name: `cleanup-${nodeName}` },
  spec: { nodeName },
  status: {
    conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    initContainerStatuses: [
      {
        ...{ name: 'cleanup', ready: false, restartCount: 1 },
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: message === undefined ? {} : { terminated: { exitCode: 1, message } },
      },
    ],
  },
});

/** A client whose DaemonSet has these statuses, one after the other, or is not to be had; the last one stays. */
function client(statuses: readonly object[], pods: readonly object[] = []): KubeClient {
  let looks = 0;
  const request = async ({ path }: { path: string }) => {
    if (path.endsWith('/pods')) return { items: pods };
    assert.equal(path, '/apis/apps/v1/namespaces/mesh/daemonsets/sluice-cleanup');
    const status = statuses[Math.min(looks++, statuses.length - 1)];
    if (status instanceof KubeFault) throw status;
    return { metadata: { generation: 1 }, status };
  };
  return { request } as unknown as KubeClient;
}

const options = { namespace: 'mesh', name: 'sluice-cleanup', timeout: 1000, interval: 1 };

describe('waiting for a DaemonSet', () => {
  it('ends when as many Pods are ready as nodes are to have one, once the controller has seen it', async () => {
    const kube = client([
      {},
      { observedGeneration: 1, desiredNumberScheduled: 2, numberReady: 1 },
      { observedGeneration: 1, desiredNumberScheduled: 2, numberReady: 2 },
    ]);
    assert.equal(await awaitDaemonSet(kube, options), 2);
  });

  it('ends at once where no node is to have one', async () => {
    assert.equal(await awaitDaemonSet(client([{ observedGeneration: 1, desiredNumberScheduled: 0 }]), options), 0);
  });

  it('names the nodes that are not done in time, and why', async () => {
    const status = { observedGeneration: 1, desiredNumberScheduled: 3, numberReady: 1 };
    const pods = [pod('a', true), pod('b', false, 'an agent runs on this node'), pod('c', false)];
    await assert.rejects(awaitDaemonSet(client([status], pods), { ...options, timeout: 5 }), {
      code: 'NODES_LEFT',
      message: /^2 of 3 nodes not done after 0\.005 s: b: .*an agent runs on this node; c: /,
    });
  });

  it('goes on over faults of the API server, until the time is over', async () => {
    const faults = [new KubeFault('KUBE_SERVER', 'etcd', { status: 500 }), new KubeFault('KUBE_UNREACHABLE', 'reset')];
    const done = { observedGeneration: 1, desiredNumberScheduled: 2, numberReady: 2 };
    assert.equal(await awaitDaemonSet(client([...faults, done]), options), 2);
    await assert.rejects(awaitDaemonSet(client(faults), { ...options, timeout: 5 }), { code: 'KUBE_UNREACHABLE' });
    const gone = new KubeFault('KUBE_NOT_FOUND', 'it was deleted', { status: 404 });
    await assert.rejects(awaitDaemonSet(client([gone]), { ...options, timeout: 60_000 }), { code: 'KUBE_NOT_FOUND' });
  });

  it('can be interrupted', async () => {
    const stop = new AbortController();
    const waiting = awaitDaemonSet(client([{}]), {
      ...options,
      timeout: 60_000,
      interval: 60_000,
      signal: stop.signal,
    });
    stop.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
  });
});
