import assert from 'node:assert/strict';
import { createLog } from '../../lib/log.ts';
import type { Rejection } from '../../mesh/envoy/resource.ts';
import { parseRejections, rejectionKey } from '../../status/index.ts';
import { Store } from '../../store/index.ts';
import { RejectionPublisher } from './rejection-publisher.ts';
import { recordedClient } from './testing/recorded-client.ts';

const rejection = (name: string, message = 'no'): Rejection => ({
  ...{ type: 'listeners', name, version: '1', message },
  origins: [{ group: 'networking.k8s.io', kind: 'Ingress', namespace: 'default', name }],
});

function rig(present: Rejection[] = []) {
  const store = new Store({ schedule: () => {} });
  const table = store.table<Rejection>('rejections');
  const client = recordedClient();
  for (const each of present) table.set(rejectionKey(each), each);
  store.flush();
  const publisher = new RejectionPublisher({
    ...{ client, namespace: 'kube-system', node: 'n1', rejections: table, quiet: 0 },
    log: createLog({ level: 'silent', format: 'json' }),
  });
  return {
    ...{ client, publisher },
    set(each: Rejection) {
      table.set(rejectionKey(each), each);
      store.flush();
    },
    clear() {
      for (const key of [...table.keys()]) table.delete(key);
      store.flush();
    },
  };
}

const path = '/api/v1/namespaces/kube-system/configmaps/sluice-rejections-n1';
const reported = (body: unknown) => parseRejections((body as { data: Record<string, string> }).data);

describe('what Envoy refused, reported to the operator', () => {
  it('is in a ConfigMap while there is any, and takes away what a process before left', async () => {
    const { client, publisher, set, clear } = rig();
    await client.seen(1);
    set(rejection('a'));
    await client.seen(2);
    clear();
    await client.seen(3);
    assert.deepEqual(
      client.requests.map(({ method, path }) => [method, path]),
      [
        ['DELETE', path],
        ['PATCH', path],
        ['DELETE', path],
      ],
    );
    const [, apply] = client.requests;
    assert.equal(apply?.contentType, 'application/apply-patch+yaml');
    assert.deepEqual(apply?.query, { fieldManager: 'sluice-agent', force: 'true' });
    assert.deepEqual(reported(apply?.body), [rejection('a')]);
    await publisher.close();
  });

  it('is written once for many changes, and not for what changes nothing', async () => {
    const { client, publisher, set } = rig([rejection('a')]);
    await client.seen(1);
    set(rejection('a'));
    set(rejection('b', 'first'));
    set(rejection('b', 'second'));
    await client.seen(2);
    assert.deepEqual(reported(client.requests[1]?.body), [rejection('a'), rejection('b', 'second')]);
    set(rejection('b', 'third'));
    await client.seen(3);
    assert.equal(client.requests.length, 3);
    await publisher.close();
  });

  it('is tried again when the API server is away, with what there is then', async () => {
    const { client, publisher, set } = rig([rejection('a')]);
    client.fail('KUBE_UNREACHABLE');
    await client.seen(1);
    set(rejection('b'));
    await client.seen(2);
    assert.deepEqual(reported(client.requests[1]?.body), [rejection('a'), rejection('b')]);
    await publisher.close();
  });

  it('is no fault where there was nothing to take away', async () => {
    const { client, publisher, set } = rig();
    client.fail('KUBE_NOT_FOUND', 404);
    await client.seen(1);
    set(rejection('a'));
    await client.seen(2);
    assert.deepEqual(
      client.requests.map(({ method }) => method),
      ['DELETE', 'PATCH'],
    );
    await publisher.close();
  });
});
