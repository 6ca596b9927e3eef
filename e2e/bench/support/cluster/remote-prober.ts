import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { BenchContext } from '../../bench.ts';
import type { Elsewhere } from '../backend.ts';
import { type Ask, ipcRequests } from '../ipc-requests.ts';
import type { ProberAnswers, ProberCommand } from './prober-protocol.ts';

export interface RemoteProber {
  readonly ask: Ask<ProberCommand, ProberAnswers>;
}

/** Starts a prober in another network namespace. */
export function startRemoteProber(context: BenchContext, commandIn: Elsewhere['commandIn']): RemoteProber {
  const [command = '', ...args] = commandIn(process.execPath, join(import.meta.dirname, 'prober-main.ts'));
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  context.defer(() => {
    if (child.connected) child.disconnect();
  });
  return { ask: ipcRequests<ProberCommand, ProberAnswers>(child, 'the prober') };
}
