import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Fault } from '../../src/lib/fault.ts';
import { type Component, componentEnv, logFile } from './component.ts';
import { entering } from './namespaces.ts';
import { type Settings, stateDir } from './settings.ts';

/** Where HTTP's CONNECT reaches every address of the testbed. */
export const gateSocket = (name: string): string => join(stateDir(name), 'gate.sock');

export const gateComponent = ({ name, apiPort }: Settings): Component => ({
  name: 'gate',
  member: 'control-plane',
  scope: 'network',
  command: [process.execPath, join(import.meta.dirname, 'gate.ts'), `${apiPort}`, gateSocket(name)],
  isIt: (words) => words.includes(gateSocket(name)),
});

/** 6443, or when that is taken, as by another testbed, any that is free. */
export async function chooseApiPort(wanted: number): Promise<number> {
  for (const port of wanted === 0 ? [6443, 0] : [wanted]) {
    try {
      const server = await listenLocally(port);
      const { port: free } = server.address() as AddressInfo;
      server.close();
      return free;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Fault('CLUSTER_PORT', `port ${wanted} of 127.0.0.1 is in use`, {
    hint: 'Give another --api-port, or none.',
  });
}

/** Starts it with a socket that listens outside. */
export async function startGate(settings: Settings): Promise<void> {
  const gate = gateComponent(settings);
  const server = await listenLocally(settings.apiPort);
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const log = openSync(logFile(settings.name, gate.name), 'a');
  const command = entering({ name: settings.name, member: gate.member, scope: 'network', owned: true }, gate.command);
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    ...{ detached: true, cwd: '/', env: componentEnv },
    stdio: ['ignore', log, log, fd],
  });
  await once(child, 'spawn');
  child.unref();
  closeSync(log);
  // Its own copy goes on.
  server.close();
}

async function listenLocally(port: number) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
