import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { BenchContext } from '../bench.ts';
import { type Ask, ipcRequests } from './ipc-requests.ts';
import type { Answers, Command } from './object-plane-protocol.ts';

/** A control plane that takes objects, with a real Envoy, in a process of its own. */
export interface ObjectPlane {
  readonly pid: number;
  readonly ask: Ask<Command, Answers>;
}

export function startObjectPlane(context: BenchContext): ObjectPlane {
  const child = fork(join(import.meta.dirname, 'object-plane-main.ts'), [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  context.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await exited;
  });
  return { pid: child.pid ?? 0, ask: ipcRequests<Command, Answers>(child, 'the control plane') };
}
