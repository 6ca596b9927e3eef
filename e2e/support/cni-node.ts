import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBinaries } from '../cluster/binaries.ts';
import { ensureBuilt } from '../cluster/go-build.ts';
import { linesOf } from '../cluster/progress.ts';
import { CniRuntime } from './cni-runtime.ts';
import { startDatapathRig } from './datapath-rig.ts';
import { temporaryDir } from './proxy-rig.ts';

/** Those of the reference plugins that no testbed needs. */
const morePlugins = { name: 'cni', packages: ['github.com/containernetworking/plugins/plugins/main/ptp'] };

/**
 * A node with its own directory of CNI configurations, and a runtime that reads it.
 * @param chainingTarget name of another plugin's network
 * @param theirs its configuration
 */
export async function startCniNode(chainingTarget?: string, theirs?: object) {
  const temporary = temporaryDir();
  const configDir = join(temporary.path, 'net.d');
  mkdirSync(configDir);
  if (theirs !== undefined) writeFileSync(join(configDir, '10-theirs.conflist'), JSON.stringify(theirs));
  const chaining = chainingTarget === undefined ? [] : ['--cni-chaining-target', chainingTarget];
  const rig = await startDatapathRig({ args: ['--cni-conf-dir', configDir, ...chaining] });
  const node = rig.nodes[0]!;
  const progress = linesOf((line) => process.stderr.write(line));
  const { cni } = await ensureBinaries(progress);
  const runtime = await CniRuntime.create({
    ...{ configDir, cacheDir: join(temporary.path, 'lib'), node: node.netns.path },
    plugins: [cni, await ensureBuilt(morePlugins, progress)],
    socket: join(node.stateDir, 'cni.sock'),
  });
  const stop = async () => {
    await rig.stop();
    temporary[Symbol.dispose]();
  };
  return { rig, node, runtime, configDir, stop };
}

export type CniNode = Awaited<ReturnType<typeof startCniNode>>;

/** A Pod of the node, as the kubelet knows it. */
export const podObject = (name: string) => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: name } } },
  spec: { nodeName: 'node-0', containers: [{ name: 'app', image: 'app' }] },
});
