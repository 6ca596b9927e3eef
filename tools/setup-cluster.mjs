// System packages of the testbed (e2e/cluster): installed where they are missing, without starting or enabling the services
// that come with them. Called by the testbed only: nothing else needs them.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { fail, has, run, step } from './setup-lib.mjs';

const policy = '/usr/sbin/policy-rc.d';
const services = ['containerd', 'etcd', 'nftables'];

const missing = [
  ['etcd-server', has('etcd')],
  ['containerd', has('containerd') && has('ctr')],
  ['runc', has('runc')],
  ['iproute2', has('ip')],
  ['nftables', has('nft')],
  ['kmod', has('modprobe')],
  ['procps', has('sysctl')],
  ['mount', has('mount')],
  ['util-linux', has('nsenter') && has('unshare') && has('setsid')],
]
  .filter(([, present]) => !present)
  .map(([name]) => name);

if (missing.length > 0) install();

function install() {
  if (!has('apt-get')) fail(`missing: ${missing.join(', ')} (Debian's names), and there is no apt-get to install them`);
  if (process.getuid() !== 0)
    fail(`missing system packages; as root: apt-get install --no-install-recommends ${missing.join(' ')}`);
  step(`system packages: ${missing.join(' ')}`, () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env, quiet: true });
    const mine = !existsSync(policy);
    // Debian asks this file whether a service may be started.
    if (mine) {
      // A failed command ends this process.
      process.once('exit', () => rmSync(policy, { force: true }));
      writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    }
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env, quiet: true });
    // Nor are they to be started at the next boot. Only what was installed here: another's service is another's.
    const installed = services.filter((name) => missing.some((item) => item.startsWith(name)));
    if (has('systemctl') && installed.length > 0) run('systemctl', ['disable', ...installed], { quiet: true });
  });
}
