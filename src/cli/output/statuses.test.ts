import assert from 'node:assert/strict';
import type { ObjectStatus } from '../../mesh/model/index.ts';
import { statusDocuments, statusTable } from './statuses.ts';
import { plain } from './table.ts';

const condition = (type: string, status: 'True' | 'False', reason: string) => ({
  type,
  status,
  reason,
  message: 'because',
  observedGeneration: 0,
});
const gateway = 'gateway.networking.k8s.io';
const statuses: ObjectStatus[] = [
  {
    ref: { group: 'networking.k8s.io', kind: 'Ingress', namespace: 'default', name: 'shop' },
    value: { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } },
  },
  {
    ref: { group: gateway, kind: 'HTTPRoute', namespace: 'default', name: 'cart' },
    value: {
      parents: [
        {
          parentRef: { name: 'web', sectionName: 'http' },
          conditions: [condition('ResolvedRefs', 'False', 'BackendNotFound')],
        },
      ],
    },
  },
  {
    ref: { group: gateway, kind: 'Gateway', namespace: 'default', name: 'web' },
    value: {
      conditions: [condition('Accepted', 'True', 'Accepted')],
      listeners: [{ name: 'http', attachedRoutes: 1, conditions: [condition('Programmed', 'True', 'Programmed')] }],
    },
  },
];

describe('statuses of objects', () => {
  it('show each condition, and why where it does not hold', () => {
    const table = statusTable(statuses, plain)
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    assert.deepEqual(table, [
      ['OBJECT', 'PART', 'CONDITION', 'STATUS', 'WHY'],
      ['Gateway default/web', 'Accepted', 'True'],
      ['Gateway default/web', 'listener http (1 route)', 'Programmed', 'True'],
      ['HTTPRoute default/cart', 'Gateway web, http', 'ResolvedRefs', 'False', 'BackendNotFound: because'],
      ['Ingress default/shop', 'at 127.0.0.1'],
      [''],
    ]);
  });

  it('are documents in the order of their names', () => {
    assert.deepEqual(
      statusDocuments(statuses).map((document) => (document as { kind: string }).kind),
      ['Gateway', 'HTTPRoute', 'Ingress'],
    );
    assert.deepEqual(statusDocuments(statuses)[2], {
      group: 'networking.k8s.io',
      kind: 'Ingress',
      metadata: { namespace: 'default', name: 'shop' },
      status: { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } },
    });
  });
});
