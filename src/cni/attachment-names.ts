import { createHash } from 'node:crypto';
import type { Attachment } from './request.ts';

/** What the kernel's objects of one attachment are called. */
export interface AttachmentNames {
  /** Of the node's end of the veth: at most 15 characters. */
  readonly hostInterface: string;
  readonly hostMac: string;
  readonly podMac: string;
}

/** Host-side interfaces of pods are told apart from all others by it. */
export const hostPrefix = 'slu';

/** The node's end of a pod's interface: the prefix and 11 hexadecimal digits. */
export const isHostInterface = (name: string): boolean => /^slu[0-9a-f]{11}$/.test(name);

/**
 * The same names whenever they are asked for: what a killed agent left half-made is found again, and DEL needs no record. Of 44
 * bits two of 10,000 attachments are the same once in 350,000 nodes.
 */
export function attachmentNames({ containerId, ifname }: Attachment): AttachmentNames {
  const digest = createHash('sha256').update(`${containerId}\0${ifname}`).digest();
  return {
    hostInterface: `${hostPrefix}${digest.toString('hex', 0, 6).slice(0, 11)}`,
    hostMac: localMac(digest.subarray(8, 14)),
    podMac: localMac(digest.subarray(16, 22)),
  };
}

/** A unicast, locally administered address (IEEE 802, section 8). */
function localMac(bytes: Buffer): string {
  const mac = Buffer.from(bytes);
  mac[0] = ((mac[0] as number) & 0xfc) | 0x02;
  return mac.toString('hex').replace(/(..)(?!$)/g, '$1:');
}
