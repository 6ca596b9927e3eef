import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../src/lib/fault.ts';
import { ensureBuilt, type GoModule } from './go-build.ts';
import type { Progress } from './progress.ts';
import { ensurePackages } from './setup.ts';

export const kubernetesVersion = '1.34.4';

const kubernetesPrograms = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
  'kubectl',
] as const;

/** Programs of Debian's packages that components run, and others that are called by name. */
const systemPrograms = ['etcd', 'containerd', 'ctr'] as const;
const calledPrograms = [
  'containerd-shim-runc-v2',
  'runc',
  'ip',
  'nft',
  'modprobe',
  'sysctl',
  'mount',
  'nsenter',
  'unshare',
  'setsid',
];

/** Absolute paths of the programs; `cni` is the directory of the plugins. */
export type Binaries = Readonly<
  Record<
    (typeof kubernetesPrograms)[number] | (typeof systemPrograms)[number] | 'coredns' | 'testserver' | 'cni',
    string
  >
>;

/** Without a version of this form, kubectl and the product's own version checks fail. */
const versionFlags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((pkg) => {
  const [major, minor] = kubernetesVersion.split('.');
  const values = { gitVersion: `v${kubernetesVersion}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.entries(values).map(([name, value]) => `-X ${pkg}.${name}=${value}`);
});

const modules = {
  kubernetes: {
    name: 'kubernetes',
    packages: kubernetesPrograms.map((program) => `k8s.io/kubernetes/cmd/${program}`),
    ldflags: versionFlags,
  },
  cni: {
    name: 'cni',
    packages: ['main/bridge', 'main/loopback', 'ipam/host-local', 'meta/portmap'].map(
      (path) => `github.com/containernetworking/plugins/plugins/${path}`,
    ),
  },
  coredns: { name: 'coredns', packages: ['github.com/coredns/coredns'] },
  testserver: { name: 'testserver', packages: ['.'] },
} satisfies Record<string, GoModule>;

/** Everything that a testbed runs: installed and built where it is not there yet. */
export async function ensureBinaries(progress: Progress): Promise<Binaries> {
  if ([...systemPrograms, ...calledPrograms].some((program) => find(program) === undefined))
    await ensurePackages(progress);
  const system = Object.fromEntries(systemPrograms.map((program) => [program, onPath(program)]));
  const kubernetes = await ensureBuilt(modules.kubernetes, progress);
  const built = Object.fromEntries(kubernetesPrograms.map((program) => [program, join(kubernetes, program)]));
  return {
    ...system,
    ...built,
    cni: await ensureBuilt(modules.cni, progress),
    coredns: join(await ensureBuilt(modules.coredns, progress), 'coredns'),
    testserver: join(await ensureBuilt(modules.testserver, progress), 'testserver'),
  } as Binaries;
}

function onPath(program: string): string {
  const found = find(program);
  if (found !== undefined) return found;
  throw new Fault('CLUSTER_PROGRAM', `${program} was not found`, {
    hint: 'tools/setup-cluster.mjs installs it; see what it prints.',
  });
}

function find(program: string): string | undefined {
  const dirs = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return dirs.map((dir) => join(dir, program)).find((path) => existsSync(path));
}
