import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ClusterRig } from './cluster-rig.ts';

export interface ClusterProber {
  stop(): Promise<{ readonly requests: number; readonly failures: readonly string[] }>;
}

/** A `Prober` in the control plane's network, where clients of a cluster are. Resolves when its first requests are through. */
export async function startClusterProber(rig: ClusterRig, address: string, host: string): Promise<ClusterProber> {
  const script = join(import.meta.dirname, 'cluster-prober-child.ts');
  const [command, ...args] = rig.commandIn('control-plane', process.execPath, script, address, '80', host);
  const child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the prober has ended');
    return value as string;
  };
  await line();
  return {
    async stop() {
      child.stdin.end();
      return JSON.parse(await line());
    },
  };
}
