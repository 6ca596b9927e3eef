import { ComponentProgress, componentTable } from '../output/components.ts';
import { formatData, type OutputFormat } from '../output/format.ts';
import { styleFor } from '../output/table.ts';
import { type ClusterFlags, interruption, openCluster } from './cluster-options.ts';

export interface ClusterStatusFlags extends ClusterFlags {
  output: OutputFormat;
  brief?: boolean;
  wait?: boolean;
  timeout: number;
}

/** The cluster form of `sluice status`. */
export async function clusterStatus(flags: ClusterStatusFlags, version: string): Promise<void> {
  const [{ installationFacts, waitUntilReady }, { componentHealth, isReady }] = await Promise.all([
    import('../../install/installation.ts'),
    import('../../install/component-health.ts'),
  ]);
  const kube = await openCluster(flags, version);
  try {
    if (flags.wait === true) {
      const progress = new ComponentProgress((text) => process.stderr.write(text), styleFor(process.stderr));
      await waitUntilReady(kube, flags.namespace, {
        timeout: flags.timeout,
        signal: interruption(),
        onProgress: (components) => progress.show(components),
      });
    }
    const components = componentHealth(await installationFacts(kube, flags.namespace));
    const bad = components.filter(({ state }) => state !== 'ready').map(({ name }) => name);
    if (flags.brief === true) process.stdout.write(bad.length === 0 ? 'OK\n' : `error in ${bad.join(', ')}\n`);
    else if (flags.output === 'table') process.stdout.write(componentTable(components, styleFor(process.stdout)));
    else process.stdout.write(formatData({ namespace: flags.namespace, components }, flags.output));
    process.exitCode = isReady(components) ? 0 : 1;
  } finally {
    kube.close();
  }
}
