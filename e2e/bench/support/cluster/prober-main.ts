// A prober in a process of its own, where the clients are: what it is asked comes over IPC, and so do its answers. Ends when
// its parent goes.
import { firstServed, notServed, Prober } from '../prober.ts';
import type { ProberAnswers, ProberCommand } from './prober-protocol.ts';

let prober: Prober | undefined;

const commands: {
  [Op in ProberCommand['op']]: (command: Extract<ProberCommand, { op: Op }>) => Promise<ProberAnswers[Op]>;
} = {
  async until({ address, port, host, wanted, timeout }) {
    prober ??= await Prober.open(address, port);
    return prober.until(host, wanted, { timeout });
  },
  'first-served': ({ address, port, host, timeout }) => firstServed(address, port, host, { timeout }),
  'not-served': ({ address, port, hosts }) => notServed(address, port, hosts),
};

process.on('message', async ({ id, command }: { id: number; command: ProberCommand }) => {
  const handler = commands[command.op] as (command: ProberCommand) => Promise<unknown>;
  try {
    process.send?.({ id, answer: await handler(command) });
  } catch (error) {
    process.send?.({ id, error: (error as Error).message });
  }
});
process.on('disconnect', () => process.exit(0));
