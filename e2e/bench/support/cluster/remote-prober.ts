import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { BenchContext } from '../../bench.ts';
import type { Elsewhere } from '../backend.ts';
import type { ProberAnswers, ProberCommand } from './prober-protocol.ts';

export interface RemoteProber {
  ask<Op extends ProberCommand['op']>(command: Extract<ProberCommand, { op: Op }>): Promise<ProberAnswers[Op]>;
}

/** Starts a prober in another network namespace. */
export function startRemoteProber(context: BenchContext, commandIn: Elsewhere['commandIn']): RemoteProber {
  const [command = '', ...args] = commandIn(process.execPath, join(import.meta.dirname, 'prober-main.ts'));
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  child.on('message', ({ id, answer, error }: { id: number; answer: unknown; error?: string }) => {
    const request = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) request?.resolve(answer);
    else request?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    for (const request of waiting.values()) request.reject(new Error(`the prober ended (${signal ?? code})`));
  });
  context.defer(() => {
    if (child.connected) child.disconnect();
  });
  return {
    ask<Op extends ProberCommand['op']>(asked: Extract<ProberCommand, { op: Op }>) {
      const request = Promise.withResolvers<unknown>();
      waiting.set(++lastId, request);
      child.send({ id: lastId, command: asked });
      return request.promise as Promise<ProberAnswers[Op]>;
    },
  };
}
