import assert from 'node:assert/strict';
import { type Diagnostic, parseObject, refKey } from '../api/index.ts';
import { createTables, setObject } from '../mesh/inputs.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import { type Collection, Store } from '../store/index.ts';
import { derivePolicyStatuses } from './policy-statuses.ts';
import { setDiagnostics } from './source-diagnostics.ts';
import { statusPatch } from './status-merge.ts';

const policy = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'p', namespace: 'shop' },
  spec: { endpointSelector: {}, ingress: [{}] as object[] },
};
const wrong = { ...policy, spec: { ...policy.spec, ingress: [{ fromEndpoints: [{}], fromCIDR: ['10.0.0.0/8'] }] } };
const doubtful = { ...policy, spec: { ...policy.spec, ingress: [{ fromEndpoints: [] }] } };
const key = refKey({ group: 'cilium.io', kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'p' });

class Rig {
  readonly store = new Store({ schedule: () => {} });
  readonly tables = createTables(this.store);
  readonly unreadable = this.store.table<readonly Diagnostic[]>('unreadable');
  readonly statuses: readonly Collection<ObjectStatus>[] = derivePolicyStatuses(
    this.store,
    this.tables,
    this.unreadable,
  );

  /** As a source does: what is refused changes no table. */
  write(raw: unknown): void {
    const { object, diagnostics } = parseObject(raw);
    if (object !== undefined) setObject(this.tables, object);
    setDiagnostics(this.unreadable, diagnostics);
    this.store.flush();
  }
  /** The one condition, as text. */
  valid(): string {
    const found = this.statuses.flatMap((each) => each.get(key) ?? []);
    assert.equal(found.length, 1, 'two statuses of one policy, or none');
    const [condition] = found.flatMap(({ value }) => value.conditions as Record<string, string>[]);
    const { type, status, reason, message } = condition ?? {};
    return `${type} ${status} ${reason}: ${message}`;
  }
}

describe('statuses of policies', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });

  it('say of a policy that is right that it is', () => {
    rig.write(policy);
    assert.equal(rig.valid(), 'Valid True Accepted: the policy is valid');
  });

  it('say what is wrong, where, and what would be right', () => {
    rig.write(wrong);
    assert.match(
      rig.valid(),
      /^Valid False InvalidValue: spec\.ingress\[0\] has both fromEndpoints and fromCIDR \(.+\); it is not in force$/,
    );
  });

  it('say that an older version stays in force, until the policy is right again or gone', () => {
    rig.write(policy);
    rig.write(wrong);
    assert.match(rig.valid(), /^Valid False .*; its last valid version stays in force$/);
    rig.write(policy);
    assert.match(rig.valid(), /^Valid True/);
    rig.tables.CiliumNetworkPolicy.delete('shop/p');
    rig.store.flush();
    assert.deepEqual(
      rig.statuses.map(({ size }) => size),
      [0, 0, 0],
    );
  });

  it('repeat what a policy in force was warned of', () => {
    rig.write(doubtful);
    assert.match(rig.valid(), /^Valid True Accepted: .*empty list, which nobody is in/);
  });

  it('say what a policy in force cannot let through', () => {
    const toPorts = [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [{ method: 'GET' }] } }];
    rig.write({ ...policy, spec: { ...policy.spec, ingress: [{ toPorts }] } });
    assert.match(rig.valid(), /^Valid True Accepted: spec\.ingress\[0\]\.toPorts\[0\]\.rules needs a proxy for L7/);
  });

  it('count what is too much to read', () => {
    rig.write({ ...policy, spec: { ...policy.spec, ingress: Array.from({ length: 9 }, () => ({ fromx: 1 })) } });
    assert.match(rig.valid(), /; and 4 more; it is not in force$/);
  });

  it('are about policies alone', () => {
    rig.write({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports: [{ port: 'x' }] } });
    assert.deepEqual(
      rig.statuses.map(({ size }) => size),
      [0, 0, 0],
    );
  });

  it('leave the rest of a status to others', () => {
    rig.write(policy);
    const desired = rig.statuses.flatMap((each) => each.get(key) ?? [])[0]?.value;
    const other = { type: 'Other', status: 'True' };
    const live = {
      nodes: { n1: { ok: true } },
      conditions: [other, { type: 'Valid', status: 'False', lastTransitionTime: 't' }],
    };
    const change = { kind: 'CiliumNetworkPolicy', live, desired, controllerName: '', now: '2026-01-01T00:00:00Z' };
    const [first, second] = (statusPatch(change) as { conditions: Record<string, string>[] }).conditions;
    assert.deepEqual(first, other);
    assert.deepEqual([second?.status, second?.lastTransitionTime], ['True', '2026-01-01T00:00:00Z']);
  });
});
