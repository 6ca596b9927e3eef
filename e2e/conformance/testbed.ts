import { type KubeClient, openKube } from '../../src/kube/index.ts';
import { ensureBinaries } from '../cluster/binaries.ts';
import { loadImageEverywhere } from '../cluster/images.ts';
import { entering } from '../cluster/namespaces.ts';
import { adminKubeconfig } from '../cluster/pki.ts';
import type { Progress } from '../cluster/progress.ts';
import { defaults, type Settings } from '../cluster/settings.ts';
import type { Command } from '../cluster/shell.ts';
import { up } from '../cluster/up.ts';
import type { ClusterRig } from '../support/cluster-rig.ts';

/** A testbed as the conformance suites need it. */
export interface Testbed {
  readonly settings: Settings;
  /** Of the cluster's administrator; good in the machine's network namespace and in the control plane's. */
  readonly kubeconfig: string;
  readonly client: KubeClient;
  /** Programs on the machine. */
  readonly kubectl: string;
  readonly coredns: string;
  /** Archives of images, for all nodes. */
  loadImages(archives: readonly string[]): Promise<void>;
  /** The command that runs another where the addresses of load balancers can be reached: in the control plane's network. */
  inNetwork(command: Command): Command;
}

/** Brings it up unless it is. */
export async function openTestbed(name: string, progress: Progress, options: Partial<Settings> = {}): Promise<Testbed> {
  const { settings } = await up({ ...defaults, ...options, name }, progress);
  const { ctr, kubectl, coredns } = await ensureBinaries(progress);
  const kubeconfig = adminKubeconfig(name);
  return {
    settings,
    kubeconfig,
    kubectl,
    coredns,
    client: openKube({ kubeconfig, userAgent: 'sluice-conformance' }),
    async loadImages(archives) {
      for (const archive of archives) await loadImageEverywhere(settings, ctr, archive);
    },
    inNetwork: (command) => entering({ name, member: 'control-plane', scope: 'network' }, command),
  };
}

/** That of a test. */
export function testbedOf({ settings, kubeconfig, kube, binaries, load, commandIn }: ClusterRig): Testbed {
  return {
    ...{ settings, kubeconfig, client: kube, kubectl: binaries.kubectl, coredns: binaries.coredns },
    async loadImages(archives) {
      for (const archive of archives) await load(archive);
    },
    inNetwork: (command) => commandIn('control-plane', ...command),
  };
}
