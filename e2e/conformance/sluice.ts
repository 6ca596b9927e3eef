import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Progress } from '../cluster/progress.ts';
import type { Testbed } from './testbed.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Of the kubelets, of containers that pull nothing, and of two programs that start on a busy machine. */
const rollout = '--timeout=180s';

export interface Installation {
  /** Folders of CustomResourceDefinitions to have besides our own: Gateway API's. */
  readonly crds: readonly string[];
}

/** Builds Sluice's image, installs it by its manifests, and gives it the testbed's pool of addresses. What was there is replaced. */
export async function installSluice(testbed: Testbed, { crds }: Installation, progress: Progress): Promise<void> {
  const kubectl = (...args: string[]) =>
    run(testbed.kubectl, args, { env: { ...process.env, KUBECONFIG: testbed.kubeconfig }, maxBuffer: 1 << 26 });
  const apply = (...args: string[]) => kubectl('apply', '--server-side', '--force-conflicts', ...args);
  const archive = join(root, '.cache/conformance/sluice.tar');
  await progress.step('image of Sluice', async () => {
    await run(process.execPath, ['tools/build.mjs'], { cwd: root });
    await run(process.execPath, ['tools/image.ts', '--out', archive], { cwd: root });
    await testbed.loadImages([archive]);
  });
  await progress.step('custom resources', async () => {
    const files = crds.flatMap((dir) =>
      globSync('gateway.networking.*_*s.yaml', { cwd: dir }).map((name) => join(dir, name)),
    );
    const definitions = files.filter((file) => !file.includes('_vap_'));
    if (definitions.length > 0) await apply(...definitions.flatMap((file) => ['-f', file]));
    await apply('-k', join(root, 'manifests/crds'));
    await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s');
  });
  await progress.step('Sluice', async () => {
    await apply('-k', join(root, 'manifests'));
    if (crds.length > 0) await apply('-k', join(root, 'manifests/gateway-class'));
    await testbed.client.request({
      method: 'PATCH',
      path: '/apis/cilium.io/v2/ciliumloadbalancerippools/testbed',
      query: { fieldManager: 'sluice-tests', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion: 'cilium.io/v2',
        kind: 'CiliumLoadBalancerIPPool',
        metadata: { name: 'testbed' },
        spec: { blocks: [{ cidr: testbed.settings.lbPool }] },
      },
    });
    const workloads = ['daemonset/sluice', 'deployment/sluice-operator'];
    // The tag stays, whatever the image holds: pods that ran before must be made anew.
    await kubectl('-n', 'kube-system', 'rollout', 'restart', ...workloads);
    for (const one of workloads) await kubectl('-n', 'kube-system', 'rollout', 'status', one, rollout);
  });
}
