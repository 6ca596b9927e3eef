import type { Command } from 'commander';
import type { Cluster } from '../../install/cluster-type.ts';
import type { ClusterValues } from '../../install/cluster-values.ts';
import { ComponentProgress } from '../output/components.ts';
import { printable, styleFor } from '../output/table.ts';
import {
  accessOf,
  type ClusterFlags,
  clusterOptions,
  interruption,
  openCluster,
  waitOptions,
} from './cluster-options.ts';

interface InstallFlags extends ClusterFlags {
  helmValues?: string[];
  set?: string[];
  chart?: string;
  dryRunHelmValues?: boolean;
  wait?: boolean;
  timeout: number;
}

const collect = (value: string, all: string[] = []): string[] => [...all, value];

export function installCommand(program: Command): void {
  for (const verb of ['install', 'upgrade'] as const) {
    const command = program.command(verb);
    clusterOptions(command)
      .optionsGroup('What is installed:')
      .option('--helm-values <file>', 'values of the chart, over those that were discovered; may be repeated', collect)
      .option('--set <key=value>', 'one value, over those of files; may be repeated', collect)
      .option('--chart <dir>', 'another chart than the one that comes with this version')
      .option('--dry-run-helm-values', 'print the values as YAML, for --helm-values or Helm itself, and do nothing');
    waitOptions(
      command.optionsGroup('How it runs:').option('--wait', 'until everything runs, saying what does not and why'),
    )
      .summary(
        verb === 'install' ? 'install into a cluster, with Helm' : 'upgrade or change an installation, with Helm',
      )
      .description(
        verb === 'install'
          ? 'Finds out which type of cluster this is (kind, minikube, k3s, EKS, GKE, AKS with and without a network plugin, OpenShift) and ' +
              'installs the Helm chart with the values that suit it. Helm 3.14 or newer is needed.'
          : 'Runs `helm upgrade` with the values of the installation, those of this command over them, and brings the CRDs up to date, which ' +
              'Helm leaves alone.',
      )
      .addHelpText(
        'after',
        `\nExamples:\n  sluice ${verb} --wait\n  sluice ${verb} --set prometheus.enabled=true --helm-values mine.yaml\n` +
          `  sluice ${verb} --dry-run-helm-values > values.yaml`,
      )
      .action((flags: InstallFlags) => install(verb, flags, program.version() ?? ''));
  }
}

async function install(verb: 'install' | 'upgrade', flags: InstallFlags, version: string): Promise<void> {
  const [helm, { effectiveValues }, { upgradeCrds }, { deleteNodeCleanup }] = await Promise.all([
    import('../../install/helm.ts'),
    import('../../install/effective-values.ts'),
    import('../../install/crds.ts'),
    import('../../install/leftovers.ts'),
  ]);
  const signal = interruption();
  const binary = helm.findHelm();
  const kube = await openCluster(flags, version);
  try {
    const { cluster, found } = await discover(flags, kube);
    const values = JSON.stringify(found.values);
    const userValues = { files: flags.helmValues ?? [], set: flags.set ?? [] };
    if (flags.dryRunHelmValues === true) {
      process.stdout.write(await effectiveValues(binary, values, userValues, signal));
      return;
    }
    const say = (text: string) => process.stderr.write(`${printable(text)}\n`);
    say(`${cluster.name} is ${article(cluster.type)} cluster: ${cluster.because}`);
    for (const note of found.notes) say(`note: ${note}`);
    const chart = flags.chart ?? helm.bundledChart;
    if (verb === 'upgrade') {
      const { foreign } = await upgradeCrds(kube, chart);
      for (const name of foreign) say(`note: ${name} is not ours, and stays as it is`);
    }
    // Left by an uninstall that failed, it would clean a node that comes later, under the new agent.
    await deleteNodeCleanup(kube, flags.namespace, signal);
    const target = helm.targetFlags({ ...accessOf(flags), namespace: flags.namespace });
    // An upgrade keeps what was asked for before; defaults are those of the new chart.
    const how = verb === 'install' ? ['--create-namespace'] : ['--reset-then-reuse-values'];
    await helm.runHelm(binary, [verb, 'sluice', chart, ...target, ...how, ...helm.valueFlags(userValues)], {
      input: verb === 'install' ? values : '{}',
      signal,
    });
    say(`${verb === 'install' ? 'installed' : 'upgraded'} in namespace ${flags.namespace}`);
    if (flags.wait === true) await wait(flags, kube, signal);
    else say('`sluice status --cluster --wait` tells when it is ready');
  } finally {
    kube.close();
  }
}

async function discover(
  flags: ClusterFlags,
  kube: Awaited<ReturnType<typeof openCluster>>,
): Promise<{ cluster: Cluster; found: ClusterValues }> {
  const [{ loadAccess }, { clusterFacts }, { clusterType }, { clusterValues }] = await Promise.all([
    import('../../kube/access.ts'),
    import('../../install/discovery.ts'),
    import('../../install/cluster-type.ts'),
    import('../../install/cluster-values.ts'),
  ]);
  const facts = await clusterFacts(kube, loadAccess(accessOf(flags)).cluster.name);
  const cluster = clusterType(facts);
  return { cluster, found: clusterValues(cluster, facts) };
}

async function wait(
  flags: InstallFlags,
  kube: Awaited<ReturnType<typeof openCluster>>,
  signal: AbortSignal,
): Promise<void> {
  const { waitUntilReady } = await import('../../install/installation.ts');
  const progress = new ComponentProgress((text) => process.stderr.write(text), styleFor(process.stderr));
  const started = performance.now();
  await waitUntilReady(kube, flags.namespace, {
    timeout: flags.timeout,
    signal,
    onProgress: (components) => progress.show(components),
  });
  process.stderr.write(`ready after ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

const CALLED: Readonly<Record<string, string>> = {
  eks: 'an EKS',
  gke: 'a GKE',
  aks: 'an AKS',
  'aks-byocni': 'an AKS (bring your own CNI)',
  openshift: 'an OpenShift',
};
const article = (type: string): string => CALLED[type] ?? `a ${type}`;
