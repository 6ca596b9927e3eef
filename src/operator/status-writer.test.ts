import assert from 'node:assert/strict';
import { GATEWAY_GROUP, type ObjectRef } from '../api/index.ts';
import type { Json } from './json.ts';
import { fault } from './testing/fake-api.ts';
import { StatusRig } from './testing/rig.ts';

const route = (name: string): ObjectRef => ({ group: GATEWAY_GROUP, kind: 'HTTPRoute', namespace: 'default', name });
const gateway: ObjectRef = { group: GATEWAY_GROUP, kind: 'Gateway', namespace: 'default', name: 'gw' };
const ingress: ObjectRef = { group: 'networking.k8s.io', kind: 'Ingress', namespace: 'default', name: 'i' };

const parents = (status: string, controllerName = 'io.cilium/gateway-controller'): Json => ({
  parents: [
    { parentRef: { name: 'gw' }, controllerName, conditions: [{ type: 'Accepted', status, reason: 'R', message: '' }] },
  ],
});
const counted = (attachedRoutes: number): Json => ({ listeners: [{ name: 'http', attachedRoutes }] });
const acceptedOf = (status: unknown): string[] =>
  (status as { parents?: { controllerName: string; conditions: { status: string }[] }[] } | undefined)?.parents?.map(
    ({ controllerName, conditions }) => `${controllerName} ${conditions[0]!.status}`,
  ) ?? [];

describe('a writer of statuses', () => {
  let rig: StatusRig;
  beforeEach(() => {
    rig = new StatusRig();
  });
  afterEach(() => rig.close());

  it('writes what differs, once, also what was there before it began', async () => {
    rig.create(route('a'));
    const said = parents('True').parents as Json[];
    const conditions = [{ ...(said[0]!.conditions as Json[])[0], lastTransitionTime: '2026-01-01T00:00:00Z' }];
    rig.create(route('b'), { status: { parents: [{ ...said[0], conditions }] } });
    rig.say(route('a'), parents('True'));
    rig.say(route('b'), parents('True'));
    rig.say(route('not-there'), parents('True'));
    rig.writer.start();
    await rig.writer.idle();
    assert.deepEqual(acceptedOf(rig.get(route('a')).status), ['io.cilium/gateway-controller True']);
    assert.equal(rig.writes().length, 1);
    rig.follow('HTTPRoute');
    await rig.writer.idle();
    rig.say(route('a'), { ...parents('True') });
    await rig.writer.idle();
    assert.equal(rig.writes().length, 1, 'the echo of a write is no reason for another');
    rig.say(route('a'), parents('False'));
    rig.say(route('b'), undefined);
    await rig.writer.idle();
    assert.deepEqual(acceptedOf(rig.get(route('a')).status), ['io.cilium/gateway-controller False']);
    assert.deepEqual(acceptedOf(rig.get(route('b')).status), []);
    assert.equal(rig.writer.counts.written.get('HTTPRoute'), 3);
  });

  it('takes back what somebody else has overwritten', async () => {
    rig.follow('HTTPRoute');
    rig.create(route('a'));
    rig.say(route('a'), parents('True'));
    rig.writer.start();
    await rig.writer.idle();
    rig.create(route('a'), { status: {} });
    await rig.writer.idle();
    assert.deepEqual(acceptedOf(rig.get(route('a')).status), ['io.cilium/gateway-controller True']);
  });

  it('loses nobody’s entries in a storm of conflicts', async () => {
    rig.follow('HTTPRoute');
    for (let i = 0; i < 20; i++) rig.create(route(`r${i}`));
    let left = 100;
    // Another controller writes each object just before we do, and the watch tells of it later.
    rig.api.before = ({ method, path }, who) => {
      if (method !== 'PATCH' || who !== 'operator' || left-- <= 0) return;
      const target = path.replace(/\/status$/, '');
      const object = rig.api.objects.get(target)!;
      const entries = (object.status as { parents?: Json[] } | undefined)?.parents ?? [];
      const others = entries.filter(({ controllerName }) => controllerName !== 'example.com/other');
      const other = parents(left % 2 === 0 ? 'True' : 'False', 'example.com/other').parents as Json[];
      rig.api.put(target, { ...object, status: { parents: [...others, ...other] } });
    };
    for (let i = 0; i < 20; i++) rig.say(route(`r${i}`), parents('True'));
    rig.writer.start();
    await rig.writer.idle();
    for (let i = 0; i < 20; i++) {
      const said = acceptedOf(rig.get(route(`r${i}`)).status).map((each) => each.replace(/ .*/, ''));
      assert.deepEqual(said.sort(), ['example.com/other', 'io.cilium/gateway-controller']);
    }
    assert.ok(rig.writer.counts.conflicts >= 20);
  });

  it('gets there through a server that is in trouble', async () => {
    rig.follow('HTTPRoute');
    let asked = 0;
    rig.api.before = ({ method }, who) => {
      if (method !== 'PATCH' || who !== 'operator') return;
      asked++;
      if (asked % 3 === 0) throw fault(500, 'InternalError');
      if (asked % 5 === 0) throw fault(429, 'TooManyRequests');
    };
    // Some answers are lost after the write has taken effect.
    rig.api.after = ({ method }, who) => {
      if (method === 'PATCH' && who === 'operator' && asked % 7 === 0) throw fault(504, 'Timeout');
    };
    for (let i = 0; i < 50; i++) {
      rig.create(route(`r${i}`));
      rig.say(route(`r${i}`), parents('True'));
    }
    rig.writer.start();
    await rig.writer.idle();
    for (let i = 0; i < 50; i++)
      assert.deepEqual(acceptedOf(rig.get(route(`r${i}`)).status), ['io.cilium/gateway-controller True']);
    assert.ok(rig.writer.counts.failed > 0);
  });

  it('does not ask again and again for what the server refuses', async () => {
    rig.api.before = ({ method, path }) => {
      if (method === 'PATCH' && path.includes('/bad/')) throw fault(422, 'Invalid');
    };
    for (const name of ['bad', 'good']) {
      rig.create(route(name));
      rig.say(route(name), parents('True'));
    }
    rig.writer.start();
    while (rig.writer.counts.written.size === 0 || rig.writer.counts.failed === 0) await new Promise(setImmediate);
    assert.equal(rig.writes().length, 2);
    assert.equal(rig.writer.waiting, 1, 'it is looked at again some time');
  });

  it('is content when the server keeps less than it was given', async () => {
    rig.follow('Gateway');
    rig.create(gateway);
    rig.api.after = ({ method, path }) => {
      if (method !== 'PATCH') return;
      const target = path.replace(/\/status$/, '');
      const { status, ...rest } = rig.api.objects.get(target)!;
      const { unknownToIt: _, ...known } = status as Json;
      rig.api.objects.set(target, { ...rest, status: known });
    };
    rig.say(gateway, { ...counted(0), unknownToIt: 1 });
    rig.writer.start();
    await rig.writer.idle();
    rig.live.set(rig.get(gateway), {
      kind: 'Gateway',
      group: GATEWAY_GROUP,
      versions: ['v1'],
      plural: 'gateways',
      namespaced: true,
    });
    await rig.writer.idle();
    assert.equal(rig.writes().length, 1);
  });

  it('writes numbers a few times while they change, and the last one for certain', async () => {
    rig.follow('Gateway');
    rig.create(gateway);
    rig.say(gateway, counted(0));
    rig.writer.start();
    await rig.writer.idle();
    const before = rig.writes().length;
    for (let i = 1; i <= 500; i++) {
      rig.say(gateway, counted(i));
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    await rig.writer.idle();
    const { listeners } = rig.get(gateway).status as { listeners: { attachedRoutes: number }[] };
    assert.equal(listeners[0]!.attachedRoutes, 500);
    assert.ok(rig.writes().length - before <= 20, `${rig.writes().length - before} writes`);
    rig.say(gateway, { ...counted(500), addresses: [{ value: '10.0.0.1' }] });
    await rig.writer.idle();
    assert.deepEqual((rig.get(gateway).status as Json).addresses, [{ value: '10.0.0.1' }]);
  });

  it('takes its address from an Ingress that is ours no more, but not another’s', async () => {
    rig.follow('Ingress');
    const other = { ...ingress, name: 'j' };
    const at = (ip: string) => ({ loadBalancer: { ingress: [{ ip }] } });
    for (const ref of [ingress, other]) {
      rig.create(ref);
      rig.say(ref, at('10.0.0.1'));
    }
    rig.writer.start();
    await rig.writer.idle();
    rig.create(other, { status: at('192.0.2.1') });
    rig.say(other, undefined);
    rig.say(ingress, undefined);
    await rig.writer.idle();
    assert.deepEqual(rig.get(ingress).status, { loadBalancer: {} });
    assert.deepEqual(rig.get(other).status, at('192.0.2.1'));
  });

  it('forgets what is deleted, and writes nothing when it has stopped', async () => {
    rig.create(route('a'));
    rig.create(route('b'));
    const gate = Promise.withResolvers<void>();
    rig.api.before = ({ method, signal }) => {
      if (method !== 'PATCH') return;
      signal?.addEventListener('abort', () => gate.resolve(), { once: true });
      return gate.promise;
    };
    rig.say(route('a'), parents('True'));
    rig.writer.start();
    while (rig.writes().length === 0) await new Promise(setImmediate);
    rig.say(route('b'), parents('True'));
    rig.live.delete(route('b'));
    rig.writer.stop();
    await rig.writer.idle();
    rig.say(route('a'), parents('False'));
    await new Promise(setImmediate);
    assert.equal(rig.writes().length, 1);
    assert.equal(rig.get(route('a')).status, undefined);
    // Another term.
    rig.api.before = () => {};
    rig.writer.start();
    await rig.writer.idle();
    assert.deepEqual(acceptedOf(rig.get(route('a')).status), ['io.cilium/gateway-controller False']);
  });
});
