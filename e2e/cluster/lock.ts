import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from './progress.ts';

/**
 * One command at a time on what `name` stands for: a testbed, a build. An abstract socket's name is free again as soon as its owner has ended,
 * however it ended: there is nothing stale to clean up.
 */
export async function withLock<T>(name: string, progress: Progress, work: () => Promise<T>): Promise<T> {
  const server = await progress.step(`waiting for another command on ${name}`, () => acquire(name));
  try {
    return await work();
  } finally {
    server.close();
  }
}

async function acquire(name: string): Promise<Server> {
  for (;;) {
    const server = createServer().unref();
    try {
      server.listen(`\0sluice-cluster-${name}`);
      await once(server, 'listening');
      return server;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
    await delay(100);
  }
}
