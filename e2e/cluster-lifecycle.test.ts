import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hierarchies, membersWithCgroups, processes } from './cluster/cgroups.ts';
import type { Status } from './cluster/commands/status.ts';
import type { Member } from './cluster/settings.ts';
import { userEnv } from './support/sluice-cli.ts';
import { until } from './support/until.ts';

const root = join(import.meta.dirname, '..');
const name = 'lifecycle';

/** What the machine has that a testbed could leave behind or change. */
function machine() {
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : 'not there');
  return {
    mounts: read('/proc/self/mounts'),
    links: readdirSync('/sys/class/net').sort(),
    routes: execFileSync('ip', ['route', 'show', 'table', 'all'], { encoding: 'utf8' }),
    rules: execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }),
    hostname: read('/proc/sys/kernel/hostname'),
    sysctls: [
      'vm/overcommit_memory',
      'vm/panic_on_oom',
      'kernel/panic',
      'kernel/panic_on_oops',
      'kernel/keys/root_maxkeys',
    ]
      .concat('kernel/keys/root_maxbytes', 'net/ipv4/ip_forward', 'net/netfilter/nf_conntrack_max')
      .concat('fs/inotify/max_user_instances')
      .map((path) => `${path} ${read(join('/proc/sys', path))}`),
    resolver: read('/etc/resolv.conf'),
    cni: globSync('{/etc/cni/**,/opt/cni/**,/var/lib/cni/**,/var/lib/kubelet/**,/var/log/pods/**}'),
  };
}

/** Cgroups, in any hierarchy, of this testbed. */
const cgroupsOf = (testbed: string): string[] =>
  hierarchies().flatMap(({ dir }) => globSync(join(dir, `sluice-cluster-${testbed}`, '**')));

/** Network and mount namespaces of its members: `net:[4026532345]`. */
function namespacesOf(testbed: string): string[] {
  const pids = membersWithCgroups(testbed).flatMap((member) => processes(testbed, member));
  const own = ['net', 'mnt'].map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
  return [...new Set(pids.flatMap(namespacesOfProcess))].filter((namespace) => !own.includes(namespace));
}

function namespacesOfProcess(pid: number | string): string[] {
  try {
    return ['net', 'mnt'].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
  } catch {
    // Ended since it was listed.
    return [];
  }
}

const allProcesses = (): string[] => readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));

/** A file of its directory in /proc; empty when it has ended. */
function ofProcess(pid: string, file: 'cmdline' | 'cgroup'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

const commandLine = (pid: string): string => ofProcess(pid, 'cmdline');

describe('the testbed’s life', () => {
  let dir: string;
  let clean: ReturnType<typeof machine>;

  const start = (...args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [join(root, 'e2e/cluster/main.ts'), ...args], {
      env: userEnv({ SLUICE_CLUSTER_DIR: join(dir, 'state'), SLUICE_CLUSTER_NAME: name, INIT_CWD: dir }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const cluster = async (...args: readonly string[]) => {
    const child = start(...args);
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        printed[stream] += text;
      });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...printed };
  };
  const up = async (...args: readonly string[]) => {
    const result = await cluster('up', '--nodes', '1', '--no-dns', ...args);
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  const status = async () => JSON.parse((await cluster('status', '-o', 'json')).stdout) as Status;
  const assertNothingIsLeft = (namespaces: readonly string[]) => {
    assert.deepEqual(machine(), clean);
    assert.deepEqual(cgroupsOf(name), []);
    // Their numbers are given again to those of other testbeds, whose cgroups tell whose they are.
    const strangers = allProcesses().filter((pid) => !ofProcess(pid, 'cgroup').includes('/sluice-cluster-'));
    const held = strangers.flatMap(namespacesOfProcess).filter((namespace) => namespaces.includes(namespace));
    assert.deepEqual(held, []);
    assert.deepEqual(
      allProcesses()
        .map(commandLine)
        .filter((line) => line.includes(join(dir, 'state'))),
      [],
    );
    assert.deepEqual(readdirSync(dir), []);
  };

  before(async function () {
    // Builds what is not there yet.
    this.timeout(30 * 60_000);
    dir = mkdtempSync(join(tmpdir(), 'sluice-'));
    await cluster('down');
    await up();
    await cluster('down');
    clean = machine();
  });
  after(async () => {
    await cluster('down');
    rmSync(dir, { recursive: true });
  });

  it('says that nothing is there, with exit code 1, and what to do', async () => {
    const { code, stdout } = await cluster('status');
    assert.deepEqual([code, stdout.split('\n')[0]], [1, 'testbed lifecycle: down']);
    const kubectl = await cluster('kubectl', 'get', 'pods');
    assert.equal(kubectl.code, 1);
    assert.match(kubectl.stderr, /there is no testbed lifecycle\n.*up/);
  });

  it('comes up, is left alone by a second start, and leaves nothing when it goes down', async () => {
    assert.match(await up(), /^Up: control plane 10\.90\.0\.1, node-1 10\.90\.0\.11\nexport KUBECONFIG=/);
    const namespaces = namespacesOf(name);
    // Two members, a network and a mount namespace each.
    assert.equal(namespaces.length, 4);
    const first = await status();
    assert.equal(first.phase, 'ready');
    assert.match(await up(), /^Already up/);
    assert.deepEqual(await status(), first);
    assert.equal((await cluster('down')).code, 0);
    assertNothingIsLeft(namespaces);
  });

  it('refuses to change a running testbed, and starts again what has ended of it', async () => {
    await up();
    const changed = await cluster('up', '--nodes', '3');
    assert.equal(changed.code, 1);
    assert.match(changed.stderr, /up with other settings.*"nodes":1/);
    const { components } = await status();
    assert.equal((await cluster('kill', 'node-1/kubelet')).code, 0);
    assert.equal((await cluster('stop', 'kube-scheduler')).code, 0);
    const broken = await until('the kubelet to have ended', async () => {
      const now = await status();
      return now.components.find(({ name: component }) => component === 'node-1/kubelet')?.pid === null && now;
    });
    assert.equal((broken as Status).phase, 'broken');
    await up();
    const repaired = await status();
    assert.equal(repaired.phase, 'ready');
    const pidOf = (all: Status['components'], wanted: string) => all.find((each) => each.name === wanted)?.pid;
    for (const again of ['node-1/kubelet', 'kube-scheduler'])
      assert.notEqual(pidOf(repaired.components, again), pidOf(components, again));
    assert.equal(pidOf(repaired.components, 'etcd'), pidOf(components, 'etcd'));
  });

  it('runs beside another testbed of the same addresses', async () => {
    const other = await cluster('up', '--name', 'lifecycle-2', '--nodes', '1', '--no-dns');
    try {
      assert.equal(other.code, 0, other.stderr);
      const ids = await Promise.all(
        [name, 'lifecycle-2'].map((each) =>
          cluster('kubectl', '--name', each, 'get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}'),
        ),
      );
      assert.deepEqual(
        ids.map(({ code }) => code),
        [0, 0],
      );
      assert.notEqual(ids[0]?.stdout, ids[1]?.stdout);
    } finally {
      await cluster('down', '--name', 'lifecycle-2');
    }
    assert.equal((await status()).phase, 'ready');
    await cluster('down');
  });

  // Before anything has a process, in the middle, and when all runs but the state does not say so yet.
  const moments: Record<string, () => unknown> = {
    'has made the control plane’s namespaces': () => processes(name, 'control-plane').length > 0,
    'has started the API server': () => find('control-plane', 'kube-apiserver'),
    'has started the kubelet': () => find('node-1', 'kubelet'),
  };
  const find = (member: Member, program: string) =>
    processes(name, member).find((pid) => commandLine(`${pid}`).split(' ')[0]?.endsWith(program));
  it('says which component ended, and what it said last, instead of waiting for it', async () => {
    const starting = cluster('up', '--nodes', '1', '--no-dns');
    const kubelet = await until('the kubelet', () => find('node-1', 'kubelet'));
    process.kill(kubelet, 'SIGKILL');
    const { code, stderr } = await starting;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^cluster: node-1\/kubelet has ended:\n(?: {2}.*\n)*All that it said: npm run cluster -- logs/m,
    );
    await up();
    assert.equal((await status()).phase, 'ready');
    await cluster('down');
  });

  const killedWhen = async (reached: () => unknown) => {
    const starter = start('up', '--nodes', '1', '--no-dns');
    const ended = once(starter, 'exit');
    await until('the moment to kill the starter', reached);
    starter.kill('SIGKILL');
    assert.deepEqual(await ended, [null, 'SIGKILL']);
  };
  for (const [moment, reached] of Object.entries(moments))
    it(`goes down clean when its starter was killed as it ${moment}`, async () => {
      await killedWhen(reached);
      assert.notDeepEqual(cgroupsOf(name), []);
      const namespaces = namespacesOf(name);
      assert.equal((await status()).phase, 'broken');
      assert.equal((await cluster('down')).code, 0);
      assertNothingIsLeft(namespaces);
    });

  it('comes up after its starter was killed, and goes down after its state directory was lost', async () => {
    await killedWhen(() => find('control-plane', 'kube-apiserver'));
    await up();
    assert.equal((await status()).phase, 'ready');
    const namespaces = namespacesOf(name);
    rmSync(join(dir, 'state'), { recursive: true });
    assert.equal((await status()).phase, 'broken');
    assert.equal((await cluster('down')).code, 0);
    assertNothingIsLeft(namespaces);
  });

  it('goes down with the test process that used it, however that ends', async () => {
    const rig = JSON.stringify(join(root, 'e2e/support/cluster-rig.ts'));
    const code = `
      import { startCluster } from ${rig};
      const { settings } = await startCluster({ name: '${name}', nodes: 1, dns: false });
      console.log('up', settings.name);
      setInterval(() => {}, 1000);`;
    const user = spawn(process.execPath, ['--input-type=module', '-e', code], {
      env: userEnv({ SLUICE_CLUSTER_DIR: join(dir, 'state'), SLUICE_CLUSTER: '' }),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [printed] = (await once(user.stdout.setEncoding('utf8'), 'data')) as [string];
    assert.equal(printed, `up ${name}\n`);
    const namespaces = namespacesOf(name);
    user.kill('SIGKILL');
    await once(user, 'exit');
    await until('the testbed to be gone', () => !existsSync(join(dir, 'state')) && cgroupsOf(name).length === 0);
    // Its guard ends last.
    await until(
      'its guard to end',
      () =>
        !allProcesses().some(
          (pid) => /cluster\/main.ts down/.test(commandLine(pid)) && commandLine(pid).includes(`--name ${name} `),
        ),
    );
    assertNothingIsLeft(namespaces);
  });
});
