import assert from 'node:assert/strict';
import { type Diagnostic, GATEWAY_GROUP, refKey } from '../api/index.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import { Store } from '../store/index.ts';
import { deriveProblemStatuses } from './problem-statuses.ts';

const ref = { group: GATEWAY_GROUP, kind: 'Gateway', namespace: 'n', name: 'g' };
const key = refKey(ref);

describe('statuses of objects with a problem of the operator’s', () => {
  it('say what it is, for as long as it is', () => {
    const store = new Store({ schedule: () => {} });
    const statuses = store.table<ObjectStatus>('statuses');
    const problems = store.table<readonly Diagnostic[]>('problems');
    const derived = deriveProblemStatuses(store, statuses, problems);
    const conditions = ['Accepted True', 'Programmed False'].map((each) => {
      const [type, status] = each.split(' ');
      return { type, status, message: 'm' };
    });
    statuses.set(key, { ref, value: { conditions } });
    const messages = () => {
      store.flush();
      return (derived.get(key)!.value.conditions as { message: string }[]).map(({ message }) => message);
    };
    assert.deepEqual(messages(), ['m', 'm']);
    problems.set(key, [{ severity: 'error', reason: 'ServiceNameTaken', message: 'taken', object: ref }]);
    assert.deepEqual(messages(), ['m', 'taken']);
    problems.delete(key);
    assert.deepEqual(messages(), ['m', 'm']);
  });
});
