import type { Rejection } from '../mesh/envoy/resource.ts';
import { encodeRejections, rejectionLabel, rejectionReportName } from '../status/index.ts';
import { RejectionsFeed } from './rejections-feed.ts';
import { Cluster } from './testing/rig.ts';

const rejection = (name: string, message = 'no'): Rejection => ({
  type: 'routes',
  name,
  version: '1',
  message,
  origins: [],
});

describe('what agents report', () => {
  it('is in the table once, whoever says it, and goes with the last report', async () => {
    const cluster = new Cluster();
    const table = cluster.store.table<Rejection>('rejections');
    const labels = { [rejectionLabel]: 'true' };
    const path = (node: string) => `/api/v1/namespaces/kube-system/configmaps/${rejectionReportName(node)}`;
    const report = (node: string, ...list: Rejection[]) =>
      cluster.api.put(path(node), {
        metadata: { name: rejectionReportName(node), namespace: 'kube-system', labels },
        data: encodeRejections(list),
      });
    report('a', rejection('t'), rejection('u', 'at a'));
    report('b', rejection('t'), rejection('u', 'at b'));
    const feed = new RejectionsFeed(cluster.api.client(), 'kube-system', table);
    const until = async (...expected: string[]) => {
      for (;;) {
        const now = [...table.values()].map(({ name, message }) => `${name}: ${message}`).sort();
        if (JSON.stringify(now) === JSON.stringify(expected)) return;
        await new Promise(setImmediate);
      }
    };
    await until('t: no', 'u: at a');
    report('a');
    await until('t: no', 'u: at b');
    cluster.api.put(path('b'), {
      metadata: { name: rejectionReportName('b'), labels },
      data: { 'rejections.json': '{' },
    });
    await until();
    report('c', rejection('t'));
    await until('t: no');
    await cluster.api.client().request({ method: 'DELETE', path: path('c') });
    await until();
    await feed.close();
  });
});
