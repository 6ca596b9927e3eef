import { isObject } from '../../lib/is-object.ts';
import type { Bind } from '../model/index.ts';
import type { JsonRecord } from './protojson.ts';

/** Where a checked Listener wants to listen, additional addresses included; `auto` where it says nothing or port 0. */
export function listenerAddresses(message: JsonRecord): 'auto' | readonly Bind[] {
  if (message.api_listener !== undefined || message.internal_listener !== undefined) return [];
  const main = isObject(message.address) ? message.address : undefined;
  if (main === undefined || Object.keys(main).length === 0) return 'auto';
  const additional = Array.isArray(message.additional_addresses) ? message.additional_addresses : [];
  const binds: Bind[] = [];
  for (const entry of [{ address: main }, ...additional]) {
    const socket = isObject(entry) && isObject(entry.address) ? entry.address.socket_address : undefined;
    if (!isObject(socket)) continue;
    if (entry.address === main && socket.named_port === undefined && !Number(socket.port_value ?? 0)) return 'auto';
    const address = typeof socket.address === 'string' ? socket.address : '';
    const transport = socket.protocol === 'UDP' || socket.protocol === 1 ? 'udp' : 'tcp';
    binds.push({ address, port: Number(socket.port_value ?? 0), transport });
  }
  return binds;
}

/** The Listener at the address and port found for it; the rest of what it says about its address stays. */
export function withAddress(message: JsonRecord, bind: Bind): JsonRecord {
  const main = isObject(message.address) ? message.address : {};
  const socket = isObject(main.socket_address) ? main.socket_address : {};
  return {
    ...message,
    address: {
      socket_address: {
        ...socket,
        protocol: bind.transport === 'udp' ? 'UDP' : 'TCP',
        address: typeof socket.address === 'string' && socket.address !== '' ? socket.address : bind.address,
        port_value: bind.port,
      },
    },
  };
}
