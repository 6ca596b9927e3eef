import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

/** What names of namespaces that tests make begin with; then the process, so that what a killed one left can be told. */
const prefix = 'slt-';

/** One network namespace. */
export interface Netns {
  readonly name: string;
  /** Of the file that keeps it. */
  readonly path: string;
  /** `ip` in it; throws with what `ip` says. */
  ip(...args: string[]): string;
  /** Any command in it, in the mount namespace of the test: bpffs stays what it is, unlike with `ip netns exec`. */
  run(command: string, ...args: string[]): string;
  sysctl(name: string, value: string | number): void;
}

/**
 * Namespaces that stand for machines: nodes, pods, and what is outside of the cluster. The namespace of the test itself gets
 * nothing. All of them, and the devices in them, are gone with `close`.
 */
export class LabNetwork implements Disposable {
  readonly #names: string[] = [];

  constructor() {
    sweep();
  }

  /** With `lo` up and nothing else. */
  add(name: string): Netns {
    const full = `${prefix}${process.pid}-${name}`;
    run('ip', 'netns', 'add', full);
    this.#names.push(full);
    const path = `/run/netns/${full}`;
    const netns: Netns = {
      name: full,
      path,
      ip: (...args) => run('ip', '-n', full, ...args),
      run: (command, ...args) => run('nsenter', `--net=${path}`, '--', command, ...args),
      sysctl: (key, value) => {
        const file = `/proc/sys/${key.replaceAll('.', '/')}`;
        run('nsenter', `--net=${path}`, '--', 'sh', '-c', `echo ${value} > ${file}`);
      },
    };
    // Addresses count at once.
    for (const where of ['all', 'default']) netns.sysctl(`net.ipv6.conf.${where}.accept_dad`, 0);
    netns.ip('link', 'set', 'lo', 'up');
    return netns;
  }

  remove({ name }: Netns): void {
    const at = this.#names.indexOf(name);
    if (at < 0) return;
    this.#names.splice(at, 1);
    run('ip', 'netns', 'del', name);
  }

  /** A cable between two, with addresses such as `192.0.2.1/24` at each end. */
  connect(a: End, b: End): void {
    a.netns.ip('link', 'add', a.device, 'type', 'veth', 'peer', 'name', b.device, 'netns', b.netns.name);
    // An end without carrier is not ready for IPv6: both are up before either has addresses.
    for (const { netns, device } of [a, b]) netns.ip('link', 'set', device, 'up');
    for (const { netns, device, addresses } of [a, b])
      for (const address of addresses)
        netns.ip('address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []));
  }

  close(): void {
    for (const name of this.#names.splice(0).reverse()) {
      try {
        run('ip', 'netns', 'del', name);
      } catch {
        // Whatever is wrong with one, the others go.
      }
    }
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

export interface End {
  readonly netns: Netns;
  readonly device: string;
  readonly addresses: readonly string[];
}

/** What `ip -json` says in a namespace. */
export function ipJson<T>(netns: Netns, ...args: string[]): T[] {
  const text = netns.ip('-json', ...args).trim();
  return text === '' ? [] : (JSON.parse(text) as T[]);
}

/** Removes what tests left that were killed. */
function sweep(): void {
  for (const name of existsSync('/run/netns') ? readdirSync('/run/netns') : []) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      run('ip', 'netns', 'del', name);
    } catch {
      // Another test was quicker.
    }
  }
}

function run(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${`${stderr ?? ''}${stdout ?? ''}`.trim() || String(error)}`);
  }
}
