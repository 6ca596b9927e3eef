import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { librariesOf } from '../../tools/oci/libraries.ts';

export interface GuestPlan {
  readonly kernel: { readonly image: string; readonly modules: string };
  /** Loaded in this order; below the kernel's directory of modules, without `.ko`. */
  readonly modules: readonly string[];
  /** Of this checkout, to be at the same places under /repo. */
  readonly files: readonly string[];
  /** Programs of this machine, with the libraries that they need. */
  readonly programs: readonly string[];
  /** Libraries that programs open by themselves. */
  readonly libraries: readonly string[];
  /**
   * What a shell in /repo is told, each in a machine of its own. Node has to be told to take TypeScript as it is:
   * `--import /plain-typescript.mjs`.
   */
  readonly scripts: readonly string[];
  /** ms */
  readonly timeout: number;
}

export interface GuestResult {
  /** Of the script; undefined where the machine did not come to its end. */
  readonly status: number | undefined;
  /** Its console. */
  readonly output: string;
}

const ending = 'sluice-guest-status';

/** TypeScript goes in without its types: Node's own way to strip them is WebAssembly, which an emulated processor compiles for long. */
const plainTypeScript = `import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
registerHooks({
  load: (url, context, next) =>
    url.endsWith('.ts')
      ? { format: 'module', shortCircuit: true, source: readFileSync(new URL(url)) }
      : next(url, context),
});
`;

/**
 * Boots another kernel with a piece of this checkout as its root file system, once for each script and all at the same time, and is gone. Without
 * KVM, so it works anywhere, and everything takes some twenty times as long.
 */
export async function runGuests(plan: GuestPlan): Promise<GuestResult[]> {
  const work = mkdtempSync(join(tmpdir(), 'sluice-guest-'));
  try {
    const archive = initramfs(plan, work);
    return await Promise.all(plan.scripts.map((_, script) => boot(plan, archive, script)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function initramfs({ kernel, modules, files, programs, libraries, scripts }: GuestPlan, work: string): string {
  const root = join(work, 'root');
  const put = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    cpSync(from, join(root, to), { recursive: true, dereference: true });
  };
  for (const dir of ['proc', 'sys', 'dev', 'tmp', 'run', 'etc', 'scripts'])
    mkdirSync(join(root, dir), { recursive: true });
  put(which('busybox'), '/bin/busybox');
  const paths = programs.map((program) => (program.includes('/') ? program : which(program)));
  for (const path of paths) put(path, `/usr/bin/${path.split('/').at(-1)}`);
  for (const entry of librariesOf(paths, libraries))
    if (entry.type === 'file' && typeof entry.content === 'object' && 'from' in entry.content)
      put(entry.content.from, entry.path);
  for (const module of modules) put(join(kernel.modules, `${module}.ko`), `/modules/${module.split('/').at(-1)}.ko`);
  for (const file of files) {
    put(file, `/repo/${file}`);
    if (file.endsWith('.ts')) writeFileSync(join(root, 'repo', file), stripTypeScriptTypes(readFileSync(file, 'utf8')));
  }
  writeFileSync(join(root, 'plain-typescript.mjs'), plainTypeScript);
  for (const [i, script] of scripts.entries()) writeFileSync(join(root, 'scripts', `${i}`), script);
  const inserts = modules.map((module) => `busybox insmod /modules/${module.split('/').at(-1)}.ko`);
  const init = `#!/bin/busybox sh
export PATH=/usr/bin:/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t bpf bpf /sys/fs/bpf; mount -t tmpfs tmp /tmp
ip link set lo up
${inserts.join('\n')}
cd /repo
# The kernel hands on what it was told and does not know.
sh "/scripts/$script"
echo "${ending} $?"
busybox poweroff -f
`;
  writeFileSync(join(root, 'init'), init);
  chmodSync(join(root, 'init'), 0o755);
  const list = execFileSync('find', ['.'], { cwd: root, maxBuffer: 1 << 26 });
  const archive = join(work, 'initramfs');
  writeFileSync(
    archive,
    execFileSync('busybox', ['cpio', '-o', '-H', 'newc'], {
      ...{ cwd: root, input: list, maxBuffer: 1 << 30 },
      stdio: ['pipe', 'pipe', 'ignore'],
    }),
  );
  return archive;
}

async function boot({ kernel, timeout }: GuestPlan, archive: string, script: number): Promise<GuestResult> {
  const child = spawn(
    'qemu-system-x86_64',
    [
      // One thread: with several, code that one processor writes while another runs it (JavaScript's) crashes now and then.
      ...['-accel', 'tcg,thread=single', '-smp', '1', '-cpu', 'max', '-m', '2048', '-nographic', '-no-reboot'],
      ...['-nodefaults', '-serial', 'stdio', '-kernel', kernel.image, '-initrd', archive],
      ...['-append', `console=ttyS0 quiet panic=-1 script=${script}`],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  const status = new RegExp(`${ending} (\\d+)`).exec(output)?.[1];
  return { status: status === undefined ? undefined : Number(status), output: output.replaceAll('\r', '') };
}

function which(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}

/** A package of node_modules and all that it needs, as paths of this checkout. */
export function packagesOf(...names: readonly string[]): string[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dependencies?: object; optionalDependencies?: object; os?: string[]; cpu?: string[] }>;
  };
  const found = new Set<string>();
  const add = (name: string): void => {
    const path = `node_modules/${name}`;
    const entry = packages[path];
    if (entry === undefined || found.has(path)) return;
    if (entry.os?.includes('linux') === false || entry.cpu?.includes('x64') === false) return;
    found.add(path);
    for (const each of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) add(each);
  };
  for (const name of names) add(name);
  return [...found];
}
