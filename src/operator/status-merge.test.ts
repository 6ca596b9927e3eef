import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isObject } from '../lib/is-object.ts';
import { type Json, mergePatch, recordsOf, sameJson } from './json.ts';
import { type StatusChange, statusPatch } from './status-merge.ts';

/** RFC 7386, as the API server does it. */
function apply(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, apply(result.get(key), value));
  }
  return Object.fromEntries(result);
}

const controllerName = 'io.cilium/gateway-controller';
const condition = (type: string, status = 'True', rest: Json = {}): Json => ({
  type,
  status,
  reason: 'R',
  message: '',
  ...rest,
});
const patch = (change: Partial<StatusChange>): Json | undefined =>
  statusPatch({ kind: 'HTTPRoute', live: {}, desired: {}, controllerName, now: '2026-01-02T00:00:00Z', ...change });

describe('merge patches', () => {
  const json = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.jsonValue({ maxDepth: 3 }).filter((value) => value !== null && !JSON.stringify(value).includes('null')),
  );
  it('make one thing of another, and nothing of the same', () => {
    fc.assert(
      fc.property(json, json, (from, to) => {
        const made = mergePatch(from, to as Json);
        assert.ok(sameJson(apply(from, made ?? {}), to));
        assert.equal(mergePatch(to, to as Json), undefined);
      }),
      {
        examples: [
          [{ a: { valueOf: '' } }, { a: {} }],
          [{}, { a: JSON.parse('{"__proto__": {"b": 1}}') }],
        ],
      },
    );
  });
});

describe('statuses, merged', () => {
  const parent = (name: string, controller: string, ...conditions: Json[]): Json => ({
    parentRef: { name },
    controllerName: controller,
    conditions,
  });
  const old = { lastTransitionTime: '2026-01-01T00:00:00Z' };

  it('leave other controllers’ parents where they are, and take away those that are ours no more', () => {
    const other = parent('a', 'example.com/other', condition('Accepted', 'False', old));
    const live = {
      parents: [
        parent('gone', controllerName),
        other,
        parent('kept', controllerName, condition('Accepted', 'True', old)),
      ],
    };
    const desired = {
      parents: [
        parent('new', controllerName, condition('Accepted')),
        parent('kept', controllerName, condition('Accepted')),
      ],
    };
    assert.deepEqual(patch({ live, desired }), {
      parents: [
        other,
        parent('kept', controllerName, condition('Accepted', 'True', old)),
        parent('new', controllerName, condition('Accepted', 'True', { lastTransitionTime: '2026-01-02T00:00:00Z' })),
      ],
    });
    assert.deepEqual(patch({ live, desired: undefined }), { parents: [other] });
    assert.equal(patch({ live: { parents: [other] }, desired: undefined }), undefined);
  });

  it('keep a time of transition for as long as the status is the same', () => {
    const live = { conditions: [condition('Accepted', 'True', old), condition('Programmed', 'Unknown', old)] };
    const desired = { conditions: [condition('Accepted', 'True', { reason: 'Other' }), condition('Programmed')] };
    assert.deepEqual(patch({ kind: 'Gateway', live, desired }), {
      conditions: [
        condition('Accepted', 'True', { reason: 'Other', ...old }),
        condition('Programmed', 'True', { lastTransitionTime: '2026-01-02T00:00:00Z' }),
      ],
    });
  });

  it('keep conditions that are none of ours, and drop ours that hold no more', () => {
    const live = {
      conditions: [
        condition('example.com/Scanned', 'True', old),
        condition('InsecureFrontendValidationMode', 'True', old),
      ],
    };
    assert.deepEqual(patch({ kind: 'Gateway', live, desired: { conditions: [] } }), {
      conditions: [condition('example.com/Scanned', 'True', old)],
    });
  });

  it('leave conditions of a listener that somebody else has set', () => {
    const theirs = condition('example.com/Scanned', 'True', old);
    const live = { listeners: [{ name: 'a', conditions: [condition('Accepted', 'True', old), theirs] }] };
    const desired = { listeners: [{ name: 'a', conditions: [condition('Accepted', 'True')] }] };
    assert.equal(patch({ kind: 'Gateway', live, desired }), undefined);
    assert.deepEqual(patch({ kind: 'Gateway', live, desired: { listeners: [{ name: 'a', conditions: [] }] } }), {
      listeners: [{ name: 'a', conditions: [theirs] }],
    });
  });

  it('take everything away that a list of ours does not have', () => {
    const live = {
      listeners: [{ name: 'a', attachedRoutes: 1, conditions: [condition('Conflicted', 'True', old)] }, { name: 'b' }],
    };
    const desired = { listeners: [{ name: 'a', attachedRoutes: 2, conditions: [] }] };
    assert.deepEqual(patch({ kind: 'Gateway', live, desired }), desired);
    const ingress = { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } };
    assert.deepEqual(patch({ kind: 'Ingress', live: ingress, desired: { loadBalancer: {} } }), {
      loadBalancer: { ingress: null },
    });
  });

  const conditions = fc.uniqueArray(
    fc.record({
      type: fc.constantFrom('Accepted', 'Programmed', 'Else'),
      status: fc.constantFrom('True', 'False'),
      reason: fc.constantFrom('A', 'B'),
    }),
    { selector: ({ type }) => type },
  );
  const entries = fc.uniqueArray(
    fc.record({
      parentRef: fc.record({ name: fc.constantFrom('a', 'b', 'c') }),
      controllerName: fc.constantFrom(controllerName, 'x'),
      conditions,
    }),
    { selector: (entry) => `${entry.parentRef.name} ${entry.controllerName}` },
  );
  const own = entries.map((list) => list.filter((entry) => entry.controllerName === controllerName));

  it('are written once: what is there then needs no other write', () => {
    const status = (parents: typeof entries) =>
      fc.record({
        parents,
        conditions,
        listeners: fc.uniqueArray(fc.record({ name: fc.constantFrom('l', 'm'), conditions }), {
          selector: ({ name }) => name,
        }),
      });
    fc.assert(
      fc.property(
        fc.option(status(entries), { nil: undefined }),
        fc.option(status(own), { nil: undefined }),
        (live, desired) => {
          const made = patch({ kind: 'Gateway', live, desired });
          const after = apply(live ?? {}, made ?? {}) as Json;
          assert.equal(patch({ kind: 'Gateway', live: after, desired, now: '2027-01-01T00:00:00Z' }), undefined);
          const foreign = (value: unknown) =>
            recordsOf(value).filter((entry) => entry.controllerName !== controllerName);
          assert.deepEqual(foreign(after.parents), foreign(live?.parents));
          const said = recordsOf(after.parents).filter((entry) => entry.controllerName === controllerName);
          assert.equal(said.length, desired?.parents.length ?? 0);
          for (const { lastTransitionTime } of recordsOf(after.conditions).filter(
            ({ type }) => desired !== undefined && type !== 'Else',
          ))
            assert.equal(typeof lastTransitionTime === 'string' || desired === undefined, true);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
