import { closeSync, openSync, writeSync } from 'node:fs';

/**
 * Has idle CPUs wait awake, until it is undone. Hardware wakes one that waits by a write to memory (MWAIT); a virtual machine halts, and
 * who wakes it pays an exit to the host: 17 µs here, several times what a packet costs. The side that does less is done sooner, sleeps more
 * often and has to be woken more often: then the faster path would be the slower one.
 * A latency of 0 (Linux' pm_qos_interface.rst) chooses the idle loop that polls; where there is no such interface, nothing changes.
 * @returns what undoes it
 */
export function keepCpusAwake(): () => void {
  let latency: number;
  try {
    latency = openSync('/dev/cpu_dma_latency', 'w');
  } catch {
    return () => {};
  }
  writeSync(latency, Buffer.alloc(4));
  return () => closeSync(latency);
}
