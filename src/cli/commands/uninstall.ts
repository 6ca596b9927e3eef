import type { Command } from 'commander';
import { printable } from '../output/table.ts';
import { accessOf, type ClusterFlags, clusterOptions, interruption, openCluster } from './cluster-options.ts';

interface UninstallFlags extends ClusterFlags {
  crds?: boolean;
  nodeCleanup: boolean;
}

export function uninstallCommand(program: Command): void {
  const command = program.command('uninstall');
  clusterOptions(command)
    .optionsGroup('What is removed:')
    .option('--crds', 'also our CRDs, and with them every object of their kinds in the cluster')
    .option(
      '--no-node-cleanup',
      'leave on the nodes what agents left there: pods keep their network until something else is installed; also ends the cleaning ' +
        'that an uninstall which failed has left',
    )
    .summary('remove from a cluster, with Helm')
    .description(
      'Removes what `sluice install` installed, and what the agents and the operator made for themselves, on the nodes too: see ' +
        '`sluice cleanup`. Your objects stay, Gateways and Ingresses with their load balancer Services too, and so do the CRDs unless --crds is given.',
    )
    .addHelpText('after', '\nExamples:\n  sluice uninstall\n  sluice uninstall --crds')
    .action((flags: UninstallFlags) => uninstall(flags, program.version() ?? ''));
}

async function uninstall(flags: UninstallFlags, version: string): Promise<void> {
  const [{ findHelm, runHelm, targetFlags, uninstallTimeout }, { deleteCrds }, leftovers] = await Promise.all([
    import('../../install/helm.ts'),
    import('../../install/crds.ts'),
    import('../../install/leftovers.ts'),
  ]);
  const signal = interruption();
  const helm = findHelm();
  const kube = await openCluster(flags, version);
  const say = (text: string) => process.stderr.write(`${printable(text)}\n`);
  try {
    const target = targetFlags({ ...accessOf(flags), namespace: flags.namespace });
    // Those of an uninstall that failed: the release is gone then, and what it waited for in vain is all that is left.
    const cleaned = !flags.nodeCleanup && (await leftovers.deleteNodeCleanup(kube, flags.namespace, signal));
    // Foreground: with the Pods gone, nobody makes again what is removed next.
    const how = [
      '--wait',
      '--cascade',
      'foreground',
      ...(flags.nodeCleanup ? await uninstallTimeout(helm, target, signal) : ['--no-hooks']),
    ];
    if (cleaned) how.push('--ignore-not-found');
    await runHelm(helm, ['uninstall', 'sluice', ...target, ...how], { signal });
    await leftovers.deleteLeftovers(kube, flags.namespace);
    await leftovers.untilPodsEnd(kube, flags.namespace, signal);
    say(`removed from namespace ${flags.namespace}`);
    if (flags.crds === true) for (const name of await deleteCrds(kube)) say(`removed ${name} and its objects`);
    else say('CRDs and their objects stay; `sluice uninstall --crds` removes them as well');
  } finally {
    kube.close();
  }
}
