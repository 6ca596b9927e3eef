// An older kernel to test with: Debian 12's own (6.1, long-term support), unpacked and not installed, and QEMU to run it. Called by
// the test that needs it only, to which it prints where they are: the last line, JSON.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail, has, root, run, step } from './setup-lib.mjs';

const dir = join(root, '.cache/kernel');

/** Where its `vmlinuz` and its modules are. */
export function ensureOlderKernel() {
  emulator();
  const found = existing();
  if (found) return found;
  if (!has('apt-get') || !has('dpkg-deb')) fail("an older kernel is a package of Debian's, and there is no apt-get");
  step("Debian's kernel 6.1 (27 MB)", () => {
    const work = `${dir}.download`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    run('apt-get', ['update', '-qq'], { quiet: true });
    // The name without a version depends on the newest build.
    const depends = run('apt-cache', ['depends', 'linux-image-cloud-amd64'], { quiet: true });
    const name = /Depends: (linux-image-6\.1\.\S+)/.exec(depends)?.[1];
    if (!name)
      fail('Debian 12 has linux-image-cloud-amd64 of Linux 6.1; the sources of apt here are of another release');
    run('apt-get', ['download', '-qq', name], { cwd: work, quiet: true });
    const file = readdirSync(work).find((each) => each.endsWith('.deb'));
    run('dpkg-deb', ['-x', file, 'root'], { cwd: work, quiet: true });
    rmSync(dir, { recursive: true, force: true });
    renameSync(join(work, 'root'), dir);
    rmSync(work, { recursive: true, force: true });
  });
  return existing();
}

function existing() {
  const boot = join(dir, 'boot');
  const image = existsSync(boot) && readdirSync(boot).find((name) => name.startsWith('vmlinuz-6.1'));
  if (!image) return undefined;
  const release = image.slice('vmlinuz-'.length);
  return { release, image: join(boot, image), modules: join(dir, 'lib/modules', release, 'kernel') };
}

function emulator() {
  const missing = [
    ['qemu-system-x86', has('qemu-system-x86_64')],
    ['busybox-static', has('busybox') && spawnSync('busybox', ['cpio', '--help']).status === 0],
    ['iproute2', has('ip')],
  ]
    .filter(([, present]) => !present)
    .map(([name]) => name);
  if (missing.length === 0) return;
  if (!has('apt-get') || process.getuid() !== 0)
    fail(`missing system packages; as root: apt-get install --no-install-recommends ${missing.join(' ')}`);
  step(`system packages: ${missing.join(' ')}`, () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env, quiet: true });
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env, quiet: true });
  });
}

if (import.meta.main) console.log(JSON.stringify(ensureOlderKernel()));
