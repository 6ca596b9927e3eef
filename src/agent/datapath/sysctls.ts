import { readFileSync } from 'node:fs';
import { setNetSysctl } from '../../datapath/index.ts';

/** Forwarding is all that the node's stack has to do for pods: their programs do the rest. @throws Fault SYSCTL */
export function setSysctls({ ipv4, ipv6 }: { readonly ipv4: boolean; readonly ipv6: boolean }): void {
  if (ipv4) setNetSysctl('ipv4/ip_forward', '1');
  if (ipv6) setNetSysctl('ipv6/conf/all/forwarding', '1');
}

/**
 * Lets devices take packets whose answer would leave by another one (RFC 3704, loose), where strict reverse path filtering would
 * drop them: with a tunnel, a node's packets to a pod elsewhere go through it, and the pod's answers to the node come straight. What
 * is looser already stays.
 * @param devices by name
 * @throws Fault SYSCTL
 */
export function loosenReversePath(devices: readonly string[]): void {
  // The larger number of the two counts, and 2 is the looser one.
  for (const device of devices)
    if (Math.max(reversePathFilter('all'), reversePathFilter(device)) === 1)
      setNetSysctl(`ipv4/conf/${device}/rp_filter`, '2');
}

/** 0 where it cannot be read: then nothing is changed. */
function reversePathFilter(device: string): number {
  try {
    return Number(readFileSync(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, 'utf8'));
  } catch {
    return 0;
  }
}
