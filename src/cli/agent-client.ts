import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../lib/fault.ts';

/** Asks a running agent on its Unix socket. */
export function askAgent(stateDir: string, path: string): Promise<{ status: number; body: string }> {
  const socketPath = join(stateDir, 'agent.sock');
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error('no answer in 10 s')));
    call.on('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      reject(
        absent
          ? new Fault('AGENT_NOT_RUNNING', `no sluice is running with the state directory ${stateDir}`, {
              cause: error,
              hint: 'start one with `sluice run DIR`, or name its directory with --state-dir',
            })
          : Fault.from(
              error,
              'AGENT_UNREACHABLE',
              `ask ${socketPath}`,
              'is it your process? its socket is open to its owner only',
            ),
      );
    });
    call.end();
  });
}

export async function askAgentJson<T>(stateDir: string, path: string): Promise<T> {
  const { status, body } = await askAgent(stateDir, path);
  if (status !== 200) throw new Fault('AGENT_ANSWER', `the agent answered ${status} to ${path}: ${body.trim()}`);
  return JSON.parse(body) as T;
}

/**
 * Waits until the agent says that it is ready, whatever it answers before, or does not.
 * @throws Fault AGENT_NOT_READY with the last answer
 */
export async function agentReady(stateDir: string, timeout: number): Promise<void> {
  const end = performance.now() + timeout;
  for (;;) {
    const last = await askAgent(stateDir, '/readyz').catch((error: unknown) => {
      if (error instanceof Fault) return { status: 0, body: error.message };
      throw error;
    });
    if (last.status === 200) return;
    if (performance.now() > end)
      throw new Fault('AGENT_NOT_READY', `not ready after ${timeout / 1000} s: ${last.body.trim()}`);
    await delay(50);
  }
}
