import { malformed } from './malformed.ts';

/** `0a:00:00:00:00:01` as six bytes. @throws Fault NETLINK_MALFORMED */
export function macBytes(mac: string): Buffer {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(mac)) throw malformed(`no MAC address: ${mac}`);
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** Lower case, colons. Undefined for link-layer addresses of other sizes: tunnels have some. */
export function formatMac(bytes: Buffer | undefined): string | undefined {
  return bytes?.length === 6 ? bytes.toString('hex').replace(/(..)(?!$)/g, '$1:') : undefined;
}
