import { readFileSync } from 'node:fs';
import { parseIp } from '../lib/ip-address.ts';

/** A TCP socket of this network namespace, as `/proc/net/tcp` has it. */
export interface TcpSocket {
  /** As {@link procAddress} writes it. */
  readonly address: string;
  readonly port: number;
  /** Of `enum tcp_states` (net/tcp_states.h), in hexadecimal. */
  readonly state: string;
  readonly inode: string;
}

export const tcpState = { timeWait: '06', close: '07', listen: '0A' } as const;

/** All TCP sockets; none where there is no `/proc`. */
export function* tcpSockets(): Iterable<TcpSocket> {
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(table).split('\n')) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
      const fields = line.trim().split(/\s+/);
      const [address, port] = fields[1]?.split(':') ?? [];
      const [state, inode] = [fields[3], fields[9]];
      if (address === undefined || port === undefined || state === undefined || inode === undefined) continue;
      const number = Number.parseInt(port, 16);
      if (!Number.isNaN(number)) yield { address, port: number, state, inode };
    }
  }
}

/** `proc(5)`: 32-bit words in the host's byte order (little-endian on all we run on). */
export function procAddress(address: string): string {
  const ip = parseIp(address.replace(/%.*/, ''));
  if (ip === undefined) return '';
  const words =
    ip.value
      .toString(16)
      .padStart(ip.family === 4 ? 8 : 32, '0')
      .toUpperCase()
      .match(/.{8}/g) ?? [];
  return words.map((word) => (word.match(/../g) ?? []).reverse().join('')).join('');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
