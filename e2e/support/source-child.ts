// A process that opens a Kubernetes source, holds its objects as a store does, and reports what that took.
import type { AnyObject, KindName } from '../../src/api/index.ts';
import { openKube } from '../../src/kube/index.ts';
import { openKubernetesSource } from '../../src/sources/index.ts';

const [kubeconfig = '', ...kinds] = process.argv.slice(2);
const client = openKube({ kubeconfig, userAgent: 'sluice-source-test' });
const held = new Map<string, AnyObject>();
let peak = 0;
const sample = (): void => {
  peak = Math.max(peak, process.memoryUsage.rss());
};
const timer = setInterval(sample, 10);
const started = performance.now();
const source = openKubernetesSource({
  client,
  selections: kinds.map((kind) => ({ kind: kind as KindName })),
  sink: ({ changes }) => {
    for (const change of changes)
      if (change.op === 'set')
        held.set(
          `${change.object.kind}/${change.object.metadata.namespace}/${change.object.metadata.name}`,
          change.object,
        );
  },
  onDiagnostics: () => {},
});
await source.ready;
const ms = Math.round(performance.now() - started);
sample();
clearInterval(timer);
process.send?.({ objects: held.size, ms, megabytes: Math.round(peak / 1e6) });
await source.close();
client.close();
process.disconnect?.();
