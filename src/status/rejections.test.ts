import assert from 'node:assert/strict';
import { refKey } from '../api/index.ts';
import type { Rejection } from '../mesh/envoy/resource.ts';
import { createTables } from '../mesh/inputs.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import { Store } from '../store/index.ts';
import { createRejections, rejectionKey } from './rejections.ts';
import { deriveStatuses } from './statuses.ts';

const ref = (kind: string, name: string) => ({ group: '', kind, namespace: 'default', name });
const rejection = (rest: Partial<Rejection>): Rejection => ({
  ...{ type: 'routes', name: 'web', version: '1', message: 'bad\n', origins: [ref('HTTPRoute', 'a')] },
  ...rest,
});

function rig() {
  const store = new Store({ schedule: () => {} });
  const rejections = createRejections(store);
  const statuses = store.table<ObjectStatus>('given');
  const corrected = deriveStatuses(store, [statuses], rejections, createTables(store));
  return {
    statuses,
    refuse(...all: Rejection[]) {
      for (const each of all) rejections.table.set(rejectionKey(each), each);
      store.flush();
    },
    accept(each: Rejection) {
      rejections.table.delete(rejectionKey(each));
      store.flush();
    },
    diagnosticsOf: (kind: string, name: string) => rejections.diagnostics.get(refKey(ref(kind, name))) ?? [],
    statusOf: (kind: string, name: string) => corrected.get(refKey(ref(kind, name)))?.value,
  };
}

describe('what Envoy refuses', () => {
  it('is told to every object that it is of, until Envoy takes it', () => {
    const { refuse, accept, diagnosticsOf } = rig();
    const shared = rejection({ origins: [ref('HTTPRoute', 'a'), ref('HTTPRoute', 'b')], fragment: 'a.org' });
    refuse(shared);
    for (const name of ['a', 'b']) {
      const [diagnostic, ...more] = diagnosticsOf('HTTPRoute', name);
      assert.deepEqual(more, []);
      assert.deepEqual(
        [diagnostic?.severity, diagnostic?.reason, diagnostic?.message, diagnostic?.object?.name],
        ['error', 'RejectedByEnvoy', 'Envoy refused routes web (a.org): bad', name],
      );
      assert.match(diagnostic?.hint ?? '', /last version that Envoy took stays in force/);
    }
    accept(shared);
    assert.deepEqual(diagnosticsOf('HTTPRoute', 'a'), []);
  });

  it('names a listener that this machine does not allow by its cause, with the next step', () => {
    const cases = [
      ['Address already in use ', 'PortInUse', /another process listens on 127\.0\.0\.1:80;/, /ss -ltnp 'sport = :80'/],
      ['Permission denied', 'PortNotPermitted', /may not listen on 127\.0\.0\.1:80;/, /--http-port/],
      ['Cannot assign requested address', 'AddressNotUsable', /no address of this machine/, /--address/],
      ['Too many open files', 'RejectedByEnvoy', /Too many open files$/, /tried again/],
    ] as const;
    for (const [error, reason, message, hint] of cases) {
      const { refuse, diagnosticsOf } = rig();
      const text = `Error adding/updating listener(s) x: cannot bind '127.0.0.1:80': ${error}\n`;
      refuse(rejection({ type: 'listeners', name: 'x', message: text }));
      const [diagnostic] = diagnosticsOf('HTTPRoute', 'a');
      assert.equal(diagnostic?.reason, reason);
      assert.match(diagnostic?.message ?? '', message);
      assert.match(diagnostic?.hint ?? '', hint);
    }
  });

  it('makes a Gateway not Programmed and a route not Accepted, and leaves the other conditions', () => {
    const { statuses, refuse, accept, statusOf } = rig();
    const condition = (type: string, status: 'True' | 'False' = 'True') => ({
      ...{ type, status, reason: type, message: '', observedGeneration: 3 },
    });
    statuses.set(refKey(ref('Gateway', 'g')), {
      ref: ref('Gateway', 'g'),
      value: { conditions: [condition('Accepted'), condition('Programmed')] },
    });
    statuses.set(refKey(ref('HTTPRoute', 'a')), {
      ref: ref('HTTPRoute', 'a'),
      value: {
        parents: [{ parentRef: { name: 'g' }, conditions: [condition('Accepted'), condition('ResolvedRefs')] }],
      },
    });
    const bad = rejection({ origins: [ref('HTTPRoute', 'a'), ref('Gateway', 'g')] });
    refuse(bad);
    const refused = { status: 'False', message: 'Envoy refused it: bad', observedGeneration: 3 };
    assert.deepEqual(statusOf('Gateway', 'g'), {
      conditions: [condition('Accepted'), { type: 'Programmed', reason: 'Invalid', ...refused }],
    });
    assert.deepEqual(statusOf('HTTPRoute', 'a'), {
      parents: [
        {
          parentRef: { name: 'g' },
          conditions: [{ type: 'Accepted', reason: 'UnsupportedValue', ...refused }, condition('ResolvedRefs')],
        },
      ],
    });
    accept(bad);
    assert.deepEqual(statusOf('Gateway', 'g'), { conditions: [condition('Accepted'), condition('Programmed')] });
  });
});
