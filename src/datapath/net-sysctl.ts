import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../lib/fault.ts';

/**
 * Sets a parameter of the network namespace that this thread is in: `ipv4/ip_forward`. Not written where it is so already: in many
 * containers it may be read only. `SLUICE_SYSCTL_NET` says where the node's `/proc/sys/net` is mounted for writing.
 * @returns whether it was changed
 * @throws Fault SYSCTL
 */
export function setNetSysctl(name: string, value: string): boolean {
  const path = join(process.env.SLUICE_SYSCTL_NET || '/proc/sys/net', name);
  try {
    if (readFileSync(path, 'utf8').trim() === value) return false;
    writeFileSync(path, value);
    return true;
  } catch (error) {
    const hint = "in a container, mount the node's /proc/sys/net and name the place in SLUICE_SYSCTL_NET";
    throw Fault.from(error, 'SYSCTL', `set net.${name.replaceAll('/', '.')} to ${value}`, hint);
  }
}
