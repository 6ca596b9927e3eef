import { existsSync, readdirSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../lib/fault.ts';

export interface AgentPlaces {
  readonly stateDir: string;
  /** Where an agent of this node serves its metrics; absent: nobody is looked for there. */
  readonly metricsAddress?: { readonly address: string; readonly port: number } | undefined;
}

/** What shows that an agent of this node, or its Envoy, runs: the socket on which somebody answers. */
export async function agentAt({ stateDir, metricsAddress }: AgentPlaces): Promise<string | undefined> {
  const sockets = existsSync(stateDir) ? readdirSync(stateDir).filter((name) => name.endsWith('.sock')) : [];
  for (const name of sockets.sort()) {
    const path = join(stateDir, name);
    if (await accepts({ path })) return path;
  }
  if (metricsAddress === undefined) return undefined;
  const { address, port } = metricsAddress;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return (await accepts({ host, port })) ? `${host}:${port}` : undefined;
}

/** @throws Fault NODE_IN_USE after `patience` ms: what the agent has is not to be taken from under it, and it would make it anew */
export async function untilAgentEnds(places: AgentPlaces, patience: number): Promise<void> {
  const end = performance.now() + patience;
  for (;;) {
    const at = await agentAt(places);
    if (at === undefined) return;
    if (performance.now() >= end)
      throw new Fault('NODE_IN_USE', `an agent runs on this node: it answers on ${at}`, {
        hint: 'stop it first (`sluice uninstall` does), or wait for its end with --wait',
      });
    await delay(100);
  }
}

function accepts(where: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...where, timeout: 1000 } as NetConnectOpts);
    const answer = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    // One that hangs is there.
    socket.once('timeout', () => answer(true));
  });
}
