import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placePlugin } from '../src/cni/place-plugin.ts';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import { temporaryDir } from './support/proxy-rig.ts';
import { outcome, root, userEnv } from './support/sluice-cli.ts';

describe('sluice cleanup', () => {
  let rig: DatapathRig;
  let node: LabNode;
  let pod: LabPod;
  let dir: ReturnType<typeof temporaryDir>;
  /** Agents put their file right in it: each node has its own. */
  const confDir = (name = 'node-0') => join(dir.path, name, 'net.d');
  const binDir = () => join(dir.path, 'bin');

  before(async () => {
    dir = temporaryDir();
    rig = await startDatapathRig({
      nodes: 2,
      args: (name) => ['--routing', 'vxlan', '--cni-conf-dir', confDir(name)],
    });
    node = rig.nodes[0]!;
    pod = await node.addPod('web');
    await placePlugin(binDir());
    writeFileSync(join(binDir(), 'bridge'), 'of somebody else');
    writeFileSync(join(confDir(), '10-other.conflist'), '{"name": "other"}');
  });
  after(async () => {
    await rig?.stop();
    dir?.[Symbol.dispose]();
  });

  const cleanup = (...flags: string[]) => {
    const { netns, bpffs, stateDir } = node;
    const places = ['--cni-conf-dir', confDir(), '--bin-dir', binDir(), '--bpffs', bpffs, '--state-dir', stateDir];
    const cli = [process.execPath, join(root, 'src/cli/main.ts'), 'cleanup', '--metrics-address', 'off'];
    return outcome('nsenter', [`--net=${netns.path}`, '--', ...cli, ...places, ...flags], userEnv());
  };
  const kinds = ({ stdout }: { stdout: string }) =>
    [...stdout.matchAll(/^([A-Za-z]+(?: [a-z]+)*) {2,}/gm)].map(([, kind]) => kind);
  const links = () => node.netns.ip('-o', 'link');

  it('does nothing while an agent runs', async () => {
    const { code, stderr } = await cleanup('--yes');
    assert.equal(code, 1);
    assert.match(stderr, /an agent runs on this node: it answers on .*\.sock \[NODE_IN_USE\]\n {2}hint: stop it first/);
    assert.match(links(), /sluice_vxlan/);
  });

  it('lists what a killed agent left, and changes nothing unless it is told to', async () => {
    await node.kill();
    const first = await cleanup();
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(
      [...new Set(kinds(first))],
      [...['WHAT', 'CNI configuration', 'CNI plugin', 'program', 'pins', 'route', 'device']],
    );
    assert.match(first.stdout, /^program +link from_uplink on eth0$/m);
    assert.match(first.stdout, /^program +filter ingress on slu[0-9a-f]{11}$/m);
    assert.match(first.stdout, /^route +10\.1\.1\.0\/24 via 169\.254\.83\.1 dev sluice_vxlan$/m);
    assert.match(first.stdout, /^nothing was removed: --yes does it\n1 pods keep their interfaces/m);
    assert.deepEqual(await cleanup(), first);
  });

  it('takes it away, leaves what is somebody else’s, and pods their interfaces', async () => {
    const { code, stdout, stderr } = await cleanup('--yes');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^removed (\d+) of \1$/m);
    assert.ok(!existsSync(node.bpffs));
    assert.deepEqual([readdirSync(confDir()), readdirSync(binDir())], [['10-other.conflist'], ['bridge']]);
    assert.doesNotMatch(links(), /sluice_vxlan/);
    assert.match(links(), /slu[0-9a-f]{11}@/);
    const again = await cleanup('--yes');
    assert.equal(
      again.stdout,
      `1 pods keep their interfaces, and ${node.stateDir} what is known of them: --pods takes them away too\n`,
    );
  });

  it('keeps what is known of these pods, so that an agent that comes again takes them over', async () => {
    await node.start();
    const other = await node.addPod('other');
    assert.notEqual(other.ipv4, pod.ipv4);
    assert.equal(await other.traffic.ping(pod.ipv4), 'ok');
    const { status } = await node.call('CHECK', pod, {
      cniVersion: '1.1.0',
      name: 'sluice',
      type: 'sluice-cni',
      prevResult: pod.result,
    });
    assert.equal(status, 0);
  });

  it('takes pods’ interfaces too where it is asked to', async () => {
    await node.kill();
    const { code, stdout, stderr } = await cleanup('--yes', '--pods');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^interface of a pod +slu[0-9a-f]{11} of default\/web$/m);
    assert.doesNotMatch(links(), /slu/);
    assert.ok(!existsSync(node.stateDir));
    assert.deepEqual((await cleanup()).stdout, 'nothing of Sluice is on this node\n');
  });
});
