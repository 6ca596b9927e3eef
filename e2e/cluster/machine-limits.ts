import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { testbedsWithCgroups } from './cgroups.ts';
import { withLock } from './lock.ts';
import { silent } from './progress.ts';

/**
 * The one thing of the machine that a testbed changes. Each node takes some twenty of root's inotify instances; a kubelet that
 * gets none ends ("inotify_init: too many open files"), and most machines allow 128.
 */
const limit = '/proc/sys/fs/inotify/max_user_instances';
const enough = 1024;
const saved = '/run/sluice-cluster.max_user_instances';

/** Not the name of a testbed. */
const lock = 'machine:limits';

/** To be called when the testbed's cgroups exist: they are what keeps another's end from lowering it again. */
export async function raiseLimits(): Promise<void> {
  await withLock(lock, silent, async () => {
    const before = readFileSync(limit, 'utf8').trim();
    if (Number(before) >= enough) return;
    writeFileSync(saved, before);
    writeFileSync(limit, `${enough}`);
  });
}

/** After the last testbed of the machine, whatever directory its state was in. */
export async function restoreLimits(): Promise<void> {
  await withLock(lock, silent, async () => {
    if (!existsSync(saved) || testbedsWithCgroups().length > 0) return;
    writeFileSync(limit, readFileSync(saved));
    rmSync(saved);
  });
}
