import assert from 'node:assert/strict';
import { createLog } from '../../lib/log.ts';
import { type NodeEvent, NodeEvents } from './node-events.ts';
import { recordedClient } from './testing/recorded-client.ts';

interface Body {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly regarding: Record<string, string>;
  readonly note: string;
  readonly eventTime: string;
  readonly series?: { readonly count: number };
}

const event = (name: string, message = 'Envoy refused it'): NodeEvent => ({
  object: { group: 'networking.k8s.io', kind: 'Ingress', namespace: 'store', name },
  ...{ reason: 'RejectedByEnvoy', message },
});

function rig(burst = 20, node = 'n1') {
  const client = recordedClient();
  const time = { now: 0 };
  const clock = {
    now: () => time.now,
    async wait(milliseconds: number) {
      time.now += milliseconds;
    },
  };
  const events = new NodeEvents({
    ...{ client, node, burst, interval: 1000, clock },
    identify: ({ name }) => ({ apiVersion: 'networking.k8s.io/v1', uid: `uid-${name}` }),
    log: createLog({ level: 'silent', format: 'json' }),
  });
  const bodies = () => client.requests.map(({ body }) => body as Body);
  return { client, events, bodies, time };
}

describe('Events of a node', () => {
  it('are told once while what they tell stands', async () => {
    const { client, events, bodies } = rig();
    events.stand([event('a')]);
    events.stand([event('a'), event('b')]);
    events.stand([event('b'), event('a'), event('a')]);
    await events.settled();
    assert.deepEqual(
      bodies().map(({ regarding }) => regarding.name),
      ['a', 'b'],
    );
    const [first] = bodies();
    assert.equal(client.requests[0]?.path, '/apis/events.k8s.io/v1/namespaces/store/events');
    assert.deepEqual(first?.regarding, {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', namespace: 'store', name: 'a', uid: 'uid-a' },
    });
    assert.equal(first?.note, 'Envoy refused it (on node n1)');
    assert.match(first?.eventTime ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await events.close();
  });

  it('are one for all nodes, and count up only where one finds it again', async () => {
    const [one, other] = [rig(), rig(20, 'n2')];
    one.events.stand([event('a')]);
    other.client.fail('KUBE_CONFLICT', 409);
    other.events.stand([event('a')]);
    await Promise.all([one.events.settled(), other.events.settled()]);
    assert.equal(one.bodies()[0]?.metadata.name, other.bodies()[0]?.metadata.name);
    assert.equal(other.client.requests.length, 1);
    one.events.stand([]);
    one.client.fail('KUBE_CONFLICT', 409);
    one.events.stand([event('a')]);
    await one.events.settled();
    assert.deepEqual(
      one.client.requests.map(({ method }) => method),
      ['POST', 'POST', 'PATCH'],
    );
    assert.equal(one.bodies()[2]?.series?.count, 2);
    await Promise.all([one.events.close(), other.events.close()]);
  });

  it('are not more at once than they may be, and all come', async () => {
    const { events, client, time } = rig(2);
    events.stand(Array.from({ length: 6 }, (_, i) => event(`i${i}`)));
    await events.settled();
    assert.equal(client.requests.length, 6);
    assert.equal(time.now, 4000);
    // After a rest there may be as many at once again, and no more.
    time.now += 60_000;
    events.stand(Array.from({ length: 3 }, (_, i) => event(`j${i}`)));
    await events.settled();
    assert.equal(time.now, 65_000);
    await events.close();
  });

  it('that say too much are cut, and those of what has no namespace are in default', async () => {
    const { events, bodies } = rig();
    events.stand([{ ...event('a', 'x'.repeat(5000)), object: { group: '', kind: 'Node', name: 'n1' } }]);
    await events.settled();
    assert.equal(bodies()[0]?.note.length, 1024);
    assert.equal(bodies()[0]?.metadata.namespace, 'default');
    await events.close();
  });

  it('are tried again where the server is away, and given up where it refuses', async () => {
    const { events, client } = rig();
    client.fail('KUBE_UNREACHABLE');
    events.stand([event('a')]);
    await events.settled();
    assert.equal(client.requests.length, 2);
    client.fail('KUBE_FORBIDDEN', 403);
    events.stand([event('b')]);
    await events.settled();
    assert.equal(client.requests.length, 3);
    await events.close();
  });
});
