import {
  type Address,
  Direction,
  type Endpoint as EndpointValue,
  IpcacheFlag,
  type IpcacheEntry as IpcacheValue,
  type PolicyKey,
  PolicyPrefix,
  type PolicyEntry as PolicyValue,
  PolicyVerdict,
} from '../../gen/abi.ts';
import { bitsOf, parseIp } from '../../lib/ip-address.ts';
import type { Endpoint } from '../../network/endpoint/index.ts';
import { makePrefix, parsePrefix, reserved } from '../../network/identity/index.ts';
import type { PolicyEntry } from '../../network/policy/index.ts';
import type { PrefixEntry } from '../../network/routing/index.ts';

/** All zero: none. */
export const noAddress: Address = { bytes: new Uint8Array(16) };

/** As maps have addresses: IPv4 as ::ffff:a.b.c.d. Text that is no address is none. */
export function addressValue(text: string | undefined): Address {
  const ip = text === undefined ? undefined : parseIp(text);
  if (ip === undefined) return noAddress;
  const value = ip.family === 4 ? ip.value | (0xffffn << 32n) : ip.value;
  return { bytes: Buffer.from(value.toString(16).padStart(32, '0'), 'hex') };
}

export function macValue(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}

/** What decides about an endpoint's packets besides who it is. */
export interface EndpointPolicy {
  readonly flags: number;
  readonly policyId: number;
  readonly generation: number;
}

export function endpointValue(endpoint: Endpoint, { flags, policyId, generation }: EndpointPolicy): EndpointValue {
  const { id, hostIfindex, macs, addresses, identity } = endpoint;
  return {
    id,
    flags,
    identity: identity ?? reserved.init,
    policyId,
    policyGeneration: generation,
    ifindex: hostIfindex,
    mac: macValue(macs.pod),
    gatewayMac: macValue(macs.host),
    address4: addressValue(addresses.ipv4),
    address6: addressValue(addresses.ipv6),
  };
}

/** Key and value of one of the two ipcache maps. */
export function ipcachePair({ prefix, identity, way, tunnelEndpoint }: PrefixEntry): {
  readonly family: 4 | 6;
  readonly key: { readonly prefixlen: number; readonly address: Uint8Array };
  readonly value: IpcacheValue;
} {
  const flags =
    way === undefined ? 0 : { tunnel: IpcacheFlag.tunnel, routed: IpcacheFlag.routed, local: IpcacheFlag.local }[way];
  return { ...prefixKey(prefix), value: { identity, flags, tunnelEndpoint: addressValue(tunnelEndpoint) } };
}

/** Throws on what is no canonical prefix: nothing else comes this far. */
export function prefixKey(prefix: string) {
  const parsed = parsePrefix(prefix);
  if (parsed === undefined) throw new Error(`bug: ${prefix} is no prefix`);
  const { family, length, value } = parsed;
  const address = Buffer.from(value.toString(16).padStart(bitsOf(family) / 4, '0'), 'hex');
  return { family, key: { prefixlen: length, address } };
}

/** A key of one of the ipcache maps as text: canonical. */
export function prefixText(address: Uint8Array, length: number): string {
  const value = BigInt(`0x${Buffer.from(address).toString('hex')}`);
  return makePrefix(address.length === 4 ? 4 : 6, value, length).text;
}

type EntryKey = Pick<PolicyEntry, 'direction' | 'identity' | 'protocol' | 'port' | 'portBits'>;

export function policyEntryKey({ direction, identity, protocol, port, portBits }: EntryKey): PolicyKey {
  return { prefixlen: prefixLengthOf(protocol, portBits), identity, direction: Direction[direction], protocol, port };
}

/** @param proxyPort where redirected traffic goes; 0: there is no proxy, and it is dropped */
export function policyEntryValue(entry: PolicyEntry, proxyPort: number): PolicyValue {
  return {
    verdict: PolicyVerdict[entry.verdict],
    prefixlen: prefixLengthOf(entry.protocol, entry.portBits),
    proxyPort: entry.verdict === 'redirect' ? proxyPort : 0,
    rule: entry.rule.number,
    packets: 0n,
    bytes: 0n,
  };
}

function prefixLengthOf(protocol: number, portBits: number): number {
  return protocol === 0 ? PolicyPrefix.anyProtocol : PolicyPrefix.anyPort + portBits;
}
