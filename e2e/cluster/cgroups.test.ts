import assert from 'node:assert/strict';
import { hierarchies } from './cgroups.ts';

const line = (dir: string, type: string, options: string, root = '/') =>
  `30 23 0:26 ${root} ${dir} rw,nosuid,nodev,noexec,relatime shared:9 - ${type} ${type} ${options}`;

describe('cgroup hierarchies of a machine', () => {
  it('are found by their mounts, with the option that mounts them again', () => {
    const mountinfo = [
      '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
      line('/sys/fs/cgroup', 'tmpfs', 'ro,mode=755'),
      line('/sys/fs/cgroup/unified', 'cgroup2', 'rw,nsdelegate'),
      line('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd'),
      line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
      line('/sys/fs/cgroup/cpuset', 'cgroup', 'rw,cpuset,clone_children'),
    ].join('\n');
    assert.deepEqual(hierarchies(mountinfo), [
      { dir: '/sys/fs/cgroup/unified', type: 'cgroup2', option: '' },
      { dir: '/sys/fs/cgroup/systemd', type: 'cgroup', option: 'none,name=systemd' },
      { dir: '/sys/fs/cgroup/cpu,cpuacct', type: 'cgroup', option: 'cpu,cpuacct' },
      { dir: '/sys/fs/cgroup/cpuset', type: 'cgroup', option: 'cpuset' },
    ]);
  });

  it('are those of the machine, not parts of them that others see', () => {
    const mountinfo = [
      line('/run/node/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
      line('/sys/fs/cgroup/memory', 'cgroup', 'rw,memory', '/docker/1234'),
    ].join('\n');
    assert.deepEqual(hierarchies(mountinfo), []);
  });
});
