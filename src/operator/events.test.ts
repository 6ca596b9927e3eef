import assert from 'node:assert/strict';
import { type Diagnostic, GATEWAY_GROUP, type ObjectRef, refKey } from '../api/index.ts';
import { EventRecorder } from './events.ts';
import { Cluster, silent } from './testing/rig.ts';

const route = (name: string): ObjectRef => ({ group: GATEWAY_GROUP, kind: 'HTTPRoute', namespace: 'shop', name });
const problem = (object: ObjectRef, message: string, severity: Diagnostic['severity'] = 'error'): Diagnostic => ({
  severity,
  reason: 'BackendNotFound',
  message,
  hint: 'create it',
  field: 'spec.rules[0]',
  object,
});

class Rig extends Cluster {
  readonly diagnostics = this.store.table<readonly Diagnostic[]>('diagnostics');
  readonly uids = new Map<string, string>();
  readonly recorder = this.record();
  record(): EventRecorder {
    return new EventRecorder({
      client: this.api.client('operator'),
      diagnostics: [this.diagnostics],
      uidOf: (ref) => this.uids.get(refKey(ref)),
      log: silent,
      settling: 1,
    });
  }
  say(ref: ObjectRef, ...list: Diagnostic[]): void {
    this.uids.set(refKey(ref), `uid-${ref.name}`);
    if (list.length === 0) this.diagnostics.delete(refKey(ref));
    else this.diagnostics.set(refKey(ref), list);
    this.store.flush();
  }
  events(): { note: string; series?: { count: number }; regarding: object; type: string; reason: string }[] {
    return [...this.api.objects.values()] as never;
  }
}

describe('Events', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig.recorder.stop());

  it('tell of errors, at the object, each once', async () => {
    rig.say(route('a'), problem(route('a'), 'Service b does not exist'), problem(route('a'), 'hm', 'warning'));
    rig.recorder.start();
    rig.say(route('b'), problem(route('b'), 'x'.repeat(3000)));
    await rig.recorder.idle();
    rig.say(route('a'), problem(route('a'), 'hm', 'warning'), problem(route('a'), 'Service b does not exist'));
    await rig.recorder.idle();
    const [first, second] = rig.events();
    assert.equal(rig.events().length, 2);
    assert.equal(first!.note, 'spec.rules[0]: Service b does not exist (create it)');
    assert.deepEqual(
      { type: first!.type, reason: first!.reason, regarding: first!.regarding },
      {
        type: 'Warning',
        reason: 'BackendNotFound',
        regarding: {
          apiVersion: 'gateway.networking.k8s.io/v1',
          kind: 'HTTPRoute',
          name: 'a',
          namespace: 'shop',
          uid: 'uid-a',
        },
      },
    );
    assert.equal(second!.note.length, 1024);
  });

  it('are not made for what is over at once, nor for what is gone', async () => {
    rig.recorder.start();
    rig.say(route('a'), problem(route('a'), 'no'));
    rig.say(route('a'));
    rig.say(route('b'), problem(route('b'), 'no'));
    rig.uids.clear();
    await rig.recorder.idle();
    assert.deepEqual(rig.events(), []);
  });

  it('count what comes back', async () => {
    rig.recorder.start();
    for (let i = 0; i < 3; i++) {
      rig.say(route('a'), problem(route('a'), 'no'));
      await rig.recorder.idle();
      rig.say(route('a'));
    }
    assert.equal(rig.events().length, 1);
    assert.equal(rig.events()[0]!.series?.count, 3);
  });

  it('are not repeated by the next leader', async () => {
    rig.say(route('a'), problem(route('a'), 'no'));
    rig.recorder.start();
    await rig.recorder.idle();
    const before = structuredClone(rig.events());
    const next = rig.record();
    next.start();
    await next.idle();
    assert.deepEqual(rig.events(), before);
    next.stop();
  });

  it('of one object are so many, whatever is wrong with it', async () => {
    rig.recorder.start();
    rig.say(route('a'), ...Array.from({ length: 100 }, (_, i) => problem(route('a'), `no ${i}`)));
    await rig.recorder.idle();
    assert.equal(rig.events().length, 10);
  });
});
