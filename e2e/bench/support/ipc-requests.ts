import type { ChildProcess } from 'node:child_process';

interface Named {
  readonly op: string;
}

/** What answers each command: handlers by the command's `op`. */
export type Handlers<Command extends Named, Answers extends Record<Command['op'], unknown>> = {
  readonly [Op in Command['op']]: (command: Extract<Command, { op: Op }>) => Promise<Answers[Op]> | Answers[Op];
};

export type Ask<Command extends Named, Answers extends Record<Command['op'], unknown>> = <Op extends Command['op']>(
  command: Extract<Command, { op: Op }>,
) => Promise<Answers[Op]>;

interface Reply {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** Asks a child over IPC, several at a time; what still waits when it ends is rejected, with `what` in the message. */
export function ipcRequests<Command extends Named, Answers extends Record<Command['op'], unknown>>(
  child: ChildProcess,
  what: string,
): Ask<Command, Answers> {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  child.on('message', ({ id, answer, error }: Reply) => {
    const request = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) request?.resolve(answer);
    else request?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    for (const request of waiting.values()) request.reject(new Error(`${what} ended (${signal ?? code})`));
    waiting.clear();
  });
  return <Op extends Command['op']>(command: Extract<Command, { op: Op }>) => {
    const request = Promise.withResolvers<unknown>();
    waiting.set(++lastId, request);
    child.send({ id: lastId, command });
    return request.promise as Promise<Answers[Op]>;
  };
}

/** The child's side: answers what the parent asks. `end` is called when the parent goes. */
export function answerParent<Command extends Named, Answers extends Record<Command['op'], unknown>>(
  handlers: Handlers<Command, Answers>,
  end: () => void,
): void {
  process.on('message', async ({ id, command }: { id: number; command: Command }) => {
    const handler = handlers[command.op as Command['op']] as (command: Command) => unknown;
    const reply = await replyTo(id, () => handler(command));
    process.send?.(reply);
  });
  process.on('disconnect', end);
}

async function replyTo(id: number, answer: () => unknown): Promise<Reply> {
  try {
    return { id, answer: await answer() };
  } catch (error) {
    return { id, error: (error as Error).stack ?? String(error) };
  }
}
