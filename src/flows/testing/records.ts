import { type Event, event } from '../../gen/abi.ts';
import { parseIp } from '../../lib/ip-address.ts';
import type { FlowContext } from '../flow-context.ts';

const none = new Uint8Array(6);

/** 16 bytes as in the ABI: IPv4 as ::ffff:a.b.c.d. */
export function addressBytes(text: string): { bytes: Uint8Array } {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(text);
  const value = ip.family === 4 ? (0xffffn << 32n) | ip.value : ip.value;
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = Number((value >> BigInt(120 - 8 * i)) & 255n);
  return { bytes };
}

/** A record as the kernel writes it: a TCP SYN of 10.0.0.17 to 10.0.0.18:80 that a policy let in, but for what is said. */
export function record(over: Partial<Event> = {}): DataView {
  const view = new DataView(new ArrayBuffer(event.size));
  event.encode(
    {
      time: process.hrtime.bigint(),
      type: 5,
      point: 0,
      reason: 0,
      verdict: 1,
      direction: 0,
      family: 4,
      protocol: 6,
      tcpFlags: 2,
      endpoint: 18,
      matchPrefixlen: 64,
      matchIdentity: 1,
      sourceIdentity: 300,
      destinationIdentity: 301,
      rule: 20,
      length: 74,
      ifindex: 42,
      targetIfindex: 43,
      sourcePort: 40_000,
      destinationPort: 80,
      icmpType: 0,
      icmpCode: 0,
      flags: 0,
      location: 0,
      source: addressBytes('10.0.0.17'),
      destination: addressBytes('10.0.0.18'),
      sourceMac: none,
      destinationMac: none,
      proxyPort: 0,
      ...over,
    },
    view,
  );
  return view;
}

/** Two pods of this node, their identities and one rule. */
export const context: FlowContext = {
  labels: (identity) =>
    ({ 2: ['reserved:world'], 300: ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'], 301: ['k8s:app=cart'] })[
      identity
    ],
  address: (ip) =>
    ({
      '10.0.0.17': { pod: { namespace: 'shop', name: 'web-1' }, endpoint: 17 },
      '10.0.0.18': { pod: { namespace: 'shop', name: 'cart-1' }, endpoint: 18 },
      'fd00::11': { pod: { namespace: 'shop', name: 'web-1' }, endpoint: 17 },
    })[ip],
  rule: (number) => (number === 20 ? 'shop/cart ingress[0].toPorts[0]' : undefined),
  defaultDenyBy: (endpoint, direction) => (endpoint === 18 && direction === 'ingress' ? ['shop/cart ingress'] : []),
  interface: (index) => ({ 42: 'slu00000000011', 43: 'slu00000000012' })[index],
};
