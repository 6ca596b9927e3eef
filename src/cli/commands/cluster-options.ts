import { type Command, Option } from 'commander';
import type { KubeClient } from '../../kube/index.ts';
import { duration } from '../arguments.ts';

/** Which cluster, and where in it. */
export interface ClusterFlags {
  kubeconfig?: string;
  context?: string;
  namespace: string;
}

export function clusterOptions(command: Command): Command {
  return command
    .optionsGroup('Which cluster:')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, else ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig, other than its current one')
    .option('-n, --namespace <name>', 'where Sluice is installed', 'kube-system');
}

export function waitOptions(command: Command): Command {
  return command.addOption(
    new Option('--timeout <duration>', 'how long to wait').argParser(duration).default(300_000, '5m'),
  );
}

export async function openCluster(flags: ClusterFlags, version: string): Promise<KubeClient> {
  const { openKube } = await import('../../kube/index.ts');
  return openKube({ ...accessOf(flags), userAgent: `sluice-cli/${version}` });
}

export function accessOf({ kubeconfig, context }: ClusterFlags): { kubeconfig?: string; context?: string } {
  return { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) };
}

/** Ctrl-C ends what is being waited for. */
export function interruption(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      stop.abort(new Error('interrupted'));
      process.once(signal, () => process.exit(130));
    });
  return stop.signal;
}
