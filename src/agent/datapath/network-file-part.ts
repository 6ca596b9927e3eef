import { NetworkFile } from '../../cni/index.ts';
import type { Log } from '../../lib/log.ts';
import type { AgentIpam } from '../ipam/agent-ipam.ts';
import type { Parts } from '../parts/parts.ts';
import type { CniEndpoints } from './cni-endpoints.ts';
import type { DatapathOptions } from './options.ts';

/** Last, and when there are addresses to give: it makes the kubelet take pods. */
export async function keepNetworkFile(
  parts: Parts,
  { cniConfDir: dir, cniChainingTarget: chainingTarget }: DatapathOptions,
  { handler, ipam, log }: { readonly handler: CniEndpoints; readonly ipam: AgentIpam; readonly log: Log },
): Promise<void> {
  if (dir === undefined) return;
  const file = parts.add(
    'cni configuration',
    new NetworkFile({ dir, log, ...(chainingTarget === undefined ? {} : { chainingTarget }) }),
  );
  if (handler.problem() === undefined) return file.start();
  log.info(`no CNI configuration yet: ${handler.problem()}`);
  const stop = ipam.observe(() => {
    if (handler.problem() !== undefined) return;
    stop();
    file.start().catch((error: unknown) => log.error({ err: error }, 'the CNI configuration cannot be written'));
  });
  parts.add('first Pod CIDRs', { close: () => stop() });
}
