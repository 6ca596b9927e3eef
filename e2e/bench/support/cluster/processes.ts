import { readdirSync, readFileSync } from 'node:fs';
import { cpuTime, residentMB } from '../process.ts';

export type Role = 'agent' | 'operator' | 'envoy';

/** The processes of one role of Sluice on a testbed, one for each Pod. */
export interface Processes {
  readonly pids: readonly number[];
  /** ms of CPU that all of them had so far. */
  cpu(): number;
  /** MB of the one that needs most. */
  memory(): number;
}

/** By the testbed's cgroups, which all its processes are in, and by how they were started. */
export function processesOf(testbed: string, role: Role): Processes {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isOf(pid, testbed, role));
  if (pids.length === 0) throw new Error(`testbed ${testbed} has no process of the ${role}`);
  return {
    pids,
    cpu: () => pids.reduce((sum, pid) => sum + cpuTime(pid), 0),
    memory: () => Math.max(...pids.map(residentMB)),
  };
}

function isOf(pid: number, testbed: string, role: Role): boolean {
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/sluice-cluster-${testbed}/`)) return false;
    const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (role === 'envoy') return /(^|\/)envoy$/.test(program);
    const main = args.findIndex((arg) => arg.endsWith('/sluice'));
    return main >= 0 && args[main + 1] === role;
  } catch {
    return false; // gone meanwhile
  }
}
