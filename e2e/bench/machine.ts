import { cpus, loadavg, release, totalmem } from 'node:os';
import { findEnvoy } from '../../src/proxy/index.ts';

/** Where figures were measured. */
export interface Machine {
  readonly date: string;
  readonly cpus: string;
  readonly model: string;
  readonly memory: string;
  readonly kernel: string;
  readonly envoy: string;
  readonly node: string;
}

export async function describeMachine(): Promise<Machine> {
  const cores = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpus: `${cores.length} cores`,
    model: cores[0]?.model.trim() || 'an unnamed CPU',
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    envoy: (await findEnvoy()).version,
    node: process.versions.node,
  };
}

/** Others at work on this machine spoil the figures: said before a run, so that nobody takes them for the program's. */
export function busyWarning(): string | undefined {
  const [lastMinute = 0] = loadavg();
  return lastMinute > 0.7
    ? `the load average is ${lastMinute.toFixed(2)}: something else runs on this machine, figures will be worse than they are`
    : undefined;
}
