import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hierarchies } from './cgroups.ts';
import { nodeName, type Settings, stateDir } from './settings.ts';
import type { Command } from './shell.ts';

/** What the kubelet sets for the whole machine. A node gets files of its own in place of them. */
const machineSysctls = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

/**
 * Commands, run as the node, that give it a root file system of its own: an overlay of the machine's on a tmpfs, so that
 * all its programs are there and nothing that is written reaches the machine.
 *
 * `shared`: the machine's directories that the node sees as they are.
 */
export function prepareNodeRoot(settings: Settings, number: number, shared: readonly string[]): Command[] {
  const top = join(stateDir(settings.name), nodeName(number));
  // Mounted over in the node's mount namespace only: on the machine it stays empty.
  mkdirSync(top, { recursive: true });
  const root = join(top, 'root');
  const inRoot = (path: string) => join(root, path);
  const mount = (type: string, source: string, target: string, options?: string): Command => [
    ...['mount', '-t', type, ...(options === undefined ? [] : ['-o', options]), source, target],
  ];
  const overlay = `lowerdir=/,upperdir=${join(top, 'up')},workdir=${join(top, 'work')}`;
  return [
    ['hostname', nodeName(number)],
    ['mount', '--make-rprivate', '/'],
    mount('tmpfs', 'node', top, 'size=50%,mode=755'),
    ['mkdir', ...['up', 'work', 'root', 'containerd', 'kubelet'].map((name) => join(top, name))],
    mount('overlay', 'overlay', root, overlay),
    mount('proc', 'proc', inRoot('proc')),
    mount('sysfs', 'sysfs', inRoot('sys')),
    ...cgroupMounts(inRoot('/')),
    mount('bpf', 'bpf', inRoot('sys/fs/bpf')),
    mount('tracefs', 'tracefs', inRoot('sys/kernel/tracing')),
    ['mount', '--rbind', '/dev', inRoot('dev')],
    ['mount', '--make-rprivate', inRoot('dev')],
    mount('tmpfs', 'run', inRoot('run'), 'mode=755'),
    [
      'mkdir',
      '-p',
      ...['run/lock', 'var/lib/containerd', 'var/lib/kubelet', 'etc/cni/net.d', 'opt/cni/bin'].map(inRoot),
    ],
    // Neither may lie on the overlay: an overlay can't be another's upper directory.
    ['mount', '--bind', join(top, 'containerd'), inRoot('var/lib/containerd')],
    ['mount', '--bind', join(top, 'kubelet'), inRoot('var/lib/kubelet')],
    ...shared.flatMap((dir): Command[] => [
      ['mkdir', '-p', inRoot(dir)],
      ['mount', '--bind', dir, inRoot(dir)],
    ]),
    ['mkdir', inRoot('.old')],
    ['cd', root],
    ['pivot_root', '.', '.old'],
    ['cd', '/'],
    ['umount', '-l', '/.old'],
    ['rmdir', '/.old'],
    ...Object.entries(machineSysctls).flatMap(([path, value]) => ownSysctl(path, value)),
    // The machine's would be of no use: there is no way out of the testbed.
    ['sh', '-c', 'echo "# No name servers outside of the cluster." > "$0"', '/etc/resolv.conf'],
    // Containers see what a node mounts later, where a mount says so.
    ['mount', '--make-rshared', '/'],
  ];
}

/** The machine's hierarchies under the machine's names; the node's cgroup namespace makes its cgroup their root. */
function cgroupMounts(root: string): Command[] {
  const top = join(root, 'sys/fs/cgroup');
  return [
    ['mount', '-t', 'tmpfs', '-o', 'mode=755', 'cgroup', top],
    ...hierarchies().flatMap(({ dir, type, option }): Command[] => {
      const target = join(top, basename(dir));
      return [
        ['mkdir', target],
        ['mount', '-t', type, ...(option === '' ? [] : ['-o', option]), type, target],
      ];
    }),
  ];
}

function ownSysctl(path: string, value: string): Command[] {
  const file = join('/run/own-sysctl', path);
  return [
    ['mkdir', '-p', join(file, '..')],
    ['sh', '-c', 'echo "$1" > "$0"', file, value],
    ['mount', '--bind', file, join('/proc/sys', path)],
  ];
}
