import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Diagnostic } from '../api/index.ts';
import type { Bind, Listener } from '../mesh/model/index.ts';

const LISTEN = '0A';

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

/** Inodes of all listening TCP sockets of this network namespace, by address and port as the kernel writes them. */
function listeningSockets(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(table).split('\n')) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
      const fields = line.trim().split(/\s+/);
      const [, local, , state] = fields;
      const inode = fields[9];
      if (state !== LISTEN || local === undefined || inode === undefined) continue;
      const inodes = found.get(local);
      if (inodes === undefined) found.set(local, [inode]);
      else inodes.push(inode);
    }
  }
  return found;
}

/** `proc(5)`: the address is written as 32-bit words in the host's byte order (little-endian on all we run on), the port plainly. */
function keyOf({ address, port }: Bind): string {
  const bytes = address.includes(':') ? ipv6Bytes(address) : address.split('.').map(Number);
  const words: string[] = [];
  for (let at = 0; at < bytes.length; at += 4)
    words.push(
      ...bytes
        .slice(at, at + 4)
        .reverse()
        .map(hexByte),
    );
  return `${words.join('')}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function ipv6Bytes(address: string): number[] {
  // The URL parser knows every way to write one, and gives groups of hexadecimal digits.
  const [head = '', tail] = new URL(`http://[${address.replace(/%.*/, '')}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros: string[] = Array(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function hexByte(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
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

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
