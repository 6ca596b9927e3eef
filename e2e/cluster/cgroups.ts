import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../src/lib/fault.ts';
import type { Member } from './settings.ts';

/**
 * A member's cgroup, in each hierarchy of the machine, is what holds it together: every process of a testbed is in one, so
 * `down` finds them all, also after the starter was killed or the state directory was lost.
 */
export interface Hierarchy {
  /** Where the machine has it mounted. */
  readonly dir: string;
  readonly type: 'cgroup' | 'cgroup2';
  /** Mount option that names it (cgroup 1): `cpu,cpuacct`, `none,name=systemd`. */
  readonly option: string;
}

const prefix = 'sluice-cluster-';

export function hierarchies(mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    // id parent device root dir options... - type source superOptions
    const [before = '', after = ''] = line.split(' - ');
    const [, , , mountedRoot, dir = ''] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if ((type !== 'cgroup' && type !== 'cgroup2') || mountedRoot !== '/' || !dir.startsWith('/sys/fs/cgroup')) continue;
    const controllers = options
      .split(',')
      .filter(
        (option) =>
          !/^(?:rw|ro|xattr|nsdelegate|memory_.*|cpuset_v2_mode|release_agent=.*|clone_children)$/.test(option),
      );
    const option = controllers.some((name) => name.startsWith('name='))
      ? `none,${controllers.join(',')}`
      : controllers.join(',');
    found.push({ dir, type, option });
  }
  return found;
}

/** The one that every member is in, and that can kill. */
function unified(): Hierarchy {
  const all = hierarchies();
  const found = all.find(({ type }) => type === 'cgroup2');
  if (found === undefined)
    throw new Fault('CLUSTER_CGROUPS', 'no cgroup2 hierarchy is mounted below /sys/fs/cgroup', {
      hint: 'Mount one: mkdir /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified',
    });
  if (!all.some(({ type, option }) => type === 'cgroup' && option.split(',').includes('memory')))
    throw new Fault('CLUSTER_CGROUPS', 'this machine has its cgroup controllers in cgroup2 only', {
      hint: 'The testbed gives its kubelets cgroup 1 hierarchies: boot with systemd.unified_cgroup_hierarchy=0.',
    });
  return found;
}

/** Nodes need all hierarchies, as the kubelet makes pods' cgroups in each; the control plane only the one that can kill. */
const hierarchiesOf = (member: Member): Hierarchy[] => (member === 'control-plane' ? [unified()] : hierarchies());

const cgroupPath = (hierarchy: Hierarchy, name: string, member?: Member): string =>
  join(hierarchy.dir, `${prefix}${name}`, member ?? '');

/** Makes a member's cgroups. A cpuset must be given CPUs and memory nodes before a process can enter it. */
export function makeCgroups(name: string, member: Member): void {
  unified();
  for (const hierarchy of hierarchiesOf(member)) {
    for (const dir of [cgroupPath(hierarchy, name), cgroupPath(hierarchy, name, member)]) {
      mkdirSync(dir, { recursive: true });
      if (!hierarchy.option.split(',').includes('cpuset')) continue;
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        writeFileSync(join(dir, file), readFileSync(join(dir, '..', file)));
    }
  }
}

/** Files to write one's process id to. */
export const entrances = (name: string, member: Member): string[] =>
  hierarchiesOf(member).map((hierarchy) => join(cgroupPath(hierarchy, name, member), 'cgroup.procs'));

/** Process ids (the machine's) directly in a member's cgroup: its init and its components, not what runs in pods. */
export function processes(name: string, member: Member): number[] {
  const file = join(cgroupPath(unified(), name, member), 'cgroup.procs');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) : [];
}

/** Members that have a cgroup, whatever the state directory says. */
export function membersWithCgroups(name: string): Member[] {
  const found = new Set<Member>();
  for (const hierarchy of hierarchies()) {
    const dir = cgroupPath(hierarchy, name);
    if (!existsSync(dir)) continue;
    for (const entry of readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) found.add(entry.name as Member);
  }
  return [...found];
}

/** Names of testbeds that have processes or cgroups. */
export function testbedsWithCgroups(): string[] {
  const names = readdirSync(unified().dir).filter((entry) => entry.startsWith(prefix));
  return names.map((entry) => entry.slice(prefix.length));
}

/** Kills every process of a testbed, then removes its cgroups. Resolves when the kernel has let go of them. */
export async function destroyCgroups(name: string): Promise<void> {
  const top = cgroupPath(unified(), name);
  if (existsSync(top)) writeFileSync(join(top, 'cgroup.kill'), '1');
  const end = performance.now() + 60_000;
  for (const hierarchy of hierarchies()) {
    const dir = cgroupPath(hierarchy, name);
    while (!removeTree(dir)) {
      if (performance.now() > end)
        throw new Fault('CLUSTER_CGROUPS', `${dir} can't be removed`, {
          hint: `Processes in it: ${processesBelow(dir).join(' ') || 'none'}.`,
        });
      await delay(10);
    }
  }
}

function processesBelow(dir: string): string[] {
  const own = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  const children = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...own, ...children.flatMap((entry) => processesBelow(join(dir, entry.name)))];
}

/** Whether it is gone. A cgroup can't be removed while a process that was killed is still being cleaned up. */
function removeTree(dir: string): boolean {
  if (!existsSync(dir)) return true;
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory() && !removeTree(join(dir, entry.name))) return false;
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}
