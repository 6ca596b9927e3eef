import { createHash } from 'node:crypto';
import type { AttachmentRef, EndpointMacs } from './endpoint.ts';

/** What all interfaces that we make on the host begin with. */
export const hostInterfacePrefix = 'slu';

/**
 * The name of an attachment's host end: `slu` and 11 hexadecimal digits, 14 characters, as many as an interface may have
 * (IFNAMSIZ less its end, less one so that tools can put a letter before it). Made of the attachment's name alone, so that who lost all else finds it.
 */
export function hostInterfaceName(attachment: AttachmentRef): string {
  return `${hostInterfacePrefix}${digest('interface', attachment).toString('hex').slice(0, 11)}`;
}

/** Unicast, locally administered, the same each time: neighbours may remember them over a restart. */
export function endpointMacs(attachment: AttachmentRef): EndpointMacs {
  return { pod: mac(digest('pod', attachment)), host: mac(digest('host', attachment)) };
}

function digest(what: string, { containerId, ifname }: AttachmentRef): Buffer {
  return createHash('sha256').update(`${what}\0${containerId}\0${ifname}`).digest();
}

function mac(bytes: Buffer): string {
  const six = [((bytes[0] ?? 0) & 0xfc) | 0x02, ...bytes.subarray(1, 6)];
  return six.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
