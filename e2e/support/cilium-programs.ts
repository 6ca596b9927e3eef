import { join } from 'node:path';
import { ensureBuilt } from '../cluster/go-build.ts';
import { linesOf } from '../cluster/progress.ts';

/** ms: minutes the first time, then they are in the cache. */
export const ciliumBuildTime = 20 * 60_000;

/** Cilium's own command and CNI plugin of 1.12, unchanged, built from its Go module: what tools that were made for its agent are held against. */
export async function ciliumPrograms(): Promise<{ readonly cli: string; readonly cni: string }> {
  const packages = ['github.com/cilium/cilium/cilium', 'github.com/cilium/cilium/plugins/cilium-cni'];
  const built = await ensureBuilt(
    { name: 'cilium', packages },
    linesOf((line) => process.stderr.write(line)),
  );
  return { cli: join(built, 'cilium'), cni: join(built, 'cilium-cni') };
}
