import { destroyCgroups, testbedsWithCgroups } from './cgroups.ts';
import { withLock } from './lock.ts';
import { restoreLimits } from './machine-limits.ts';
import type { Progress } from './progress.ts';
import { checkName } from './settings.ts';
import { removeState, testbedsWithState } from './state.ts';

/**
 * Ends all processes of a testbed, whoever started them, and removes what is left. Namespaces, and with them mounts, links
 * and routes, go with their last process.
 */
export async function destroy(name: string): Promise<void> {
  await destroyCgroups(name);
  removeState(name);
  await restoreLimits();
}

export async function down(name: string, progress: Progress): Promise<void> {
  checkName(name);
  await withLock(name, progress, () => progress.step(`testbed ${name} down`, () => destroy(name)));
}

/** Names of all testbeds that there is something of. */
export const knownTestbeds = (): string[] => [...new Set([...testbedsWithState(), ...testbedsWithCgroups()])].sort();
