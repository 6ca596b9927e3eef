import { readdirSync, readlinkSync } from 'node:fs';
import type { Diagnostic } from '../api/index.ts';
import type { Bind, Listener } from '../mesh/model/index.ts';
import { procAddress, tcpSockets, tcpState } from './proc-net.ts';

/**
 * Listeners whose address another process listens on as well. Envoy binds with SO_REUSEPORT, so where the other one does too
 * and runs as the same user (a second Envoy, most often), both succeed and the kernel deals connections out to both: requests
 * go astray without any error, unless it is looked for.
 */
export function sharedPorts(listeners: Iterable<Listener>, envoyPid: number | undefined): Diagnostic[] {
  if (envoyPid === undefined) return [];
  const sockets = listeningSockets();
  let own: ReadonlySet<string> | undefined;
  const found: Diagnostic[] = [];
  for (const { bind, origins } of listeners) {
    if (bind.transport !== 'tcp') continue;
    const inodes = sockets.get(keyOf(bind)) ?? [];
    if (inodes.length < 2) continue;
    own ??= socketsOf(envoyPid);
    const mine = inodes.filter((inode) => own?.has(inode)).length;
    if (mine === 0 || mine === inodes.length) continue;
    const place = `${bind.address.includes(':') ? `[${bind.address}]` : bind.address}:${bind.port}`;
    found.push({
      severity: 'error',
      reason: 'PortShared',
      message: `another process listens on ${place} too, and gets some of the connections`,
      hint: `\`ss -ltnp 'sport = :${bind.port}'\` shows it: stop it, or choose another port (--http-port, --https-port; for a Gateway its listener's port)`,
      ...(origins[0] === undefined ? {} : { object: origins[0] }),
    });
  }
  return found;
}

/** Inodes of all listening TCP sockets of this network namespace, by address and port. */
function listeningSockets(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { address, port, state, inode } of tcpSockets()) {
    if (state !== tcpState.listen) continue;
    const key = `${address}:${port}`;
    const inodes = found.get(key);
    if (inodes === undefined) found.set(key, [inode]);
    else inodes.push(inode);
  }
  return found;
}

function keyOf({ address, port }: Bind): string {
  return `${procAddress(address)}:${port}`;
}

function socketsOf(pid: number): ReadonlySet<string> {
  const inodes = new Set<string>();
  let names: string[];
  try {
    names = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return inodes;
  }
  for (const name of names) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed since it was listed.
    }
  }
  return inodes;
}
