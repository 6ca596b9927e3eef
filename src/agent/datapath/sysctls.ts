import { readFileSync, writeFileSync } from 'node:fs';
import { Fault } from '../../lib/fault.ts';

/** What the node's stack has to do for pods, by name below /proc/sys. Forwarding is all that is needed: pods' programs do the rest. */
const wanted = (families: { readonly ipv4: boolean; readonly ipv6: boolean }): [string, string][] => [
  ...(families.ipv4 ? ([['net/ipv4/ip_forward', '1']] as [string, string][]) : []),
  ...(families.ipv6 ? ([['net/ipv6/conf/all/forwarding', '1']] as [string, string][]) : []),
];

/** Writes only what is not so yet. @throws Fault SYSCTL */
export function setSysctls(families: { readonly ipv4: boolean; readonly ipv6: boolean }): void {
  for (const [name, value] of wanted(families)) {
    const path = `/proc/sys/${name}`;
    try {
      if (readFileSync(path, 'utf8').trim() === value) continue;
      writeFileSync(path, value);
    } catch (error) {
      throw Fault.from(
        error,
        'SYSCTL',
        `set ${name.replaceAll('/', '.')} to ${value}`,
        'the agent needs NET_ADMIN and a writable /proc/sys/net',
      );
    }
  }
}
