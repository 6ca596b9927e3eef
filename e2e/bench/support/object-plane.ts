import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { BenchContext } from '../bench.ts';
import type { Answers, Command } from './object-plane-protocol.ts';

/** A control plane that takes objects, with a real Envoy, in a process of its own. */
export interface ObjectPlane {
  readonly pid: number;
  ask<Op extends Command['op']>(command: Extract<Command, { op: Op }>): Promise<Answers[Op]>;
}

export function startObjectPlane(context: BenchContext): ObjectPlane {
  const child = fork(join(import.meta.dirname, 'object-plane-main.ts'), [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  child.on('message', ({ id, answer, error }: { id: number; answer: unknown; error?: string }) => {
    const request = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) request?.resolve(answer);
    else request?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    for (const request of waiting.values()) request.reject(new Error(`the control plane ended (${signal ?? code})`));
  });
  context.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await exited;
  });
  return {
    pid: child.pid ?? 0,
    ask<Op extends Command['op']>(command: Extract<Command, { op: Op }>) {
      const request = Promise.withResolvers<unknown>();
      waiting.set(++lastId, request);
      child.send({ id: lastId, command });
      return request.promise as Promise<Answers[Op]>;
    },
  };
}
