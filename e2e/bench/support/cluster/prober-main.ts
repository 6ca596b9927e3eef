// A prober in a process of its own, where the clients are: what it is asked comes over IPC, and so do its answers. Ends when
// its parent goes.
import { answerParent } from '../ipc-requests.ts';
import { firstServed, notServed, Prober } from '../prober.ts';
import type { ProberAnswers, ProberCommand } from './prober-protocol.ts';

let prober: Prober | undefined;

answerParent<ProberCommand, ProberAnswers>(
  {
    async until({ address, port, host, wanted, timeout }) {
      prober ??= await Prober.open(address, port);
      return prober.until(host, wanted, { timeout });
    },
    'first-served': ({ address, port, host, timeout }) => firstServed(address, port, host, { timeout }),
    'not-served': ({ address, port, hosts }) => notServed(address, port, hosts),
  },
  () => process.exit(0),
);
