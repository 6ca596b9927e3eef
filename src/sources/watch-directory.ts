import { watch } from 'node:fs';
import { basename } from 'node:path';

export interface DirectoryWatch {
  close(): void;
}

/**
 * Watches one folder, not what is below it. `onEvent` gets the name of the entry that something happened to (undefined
 * where the system does not say) and whether it may be the folder itself that is gone or was moved.
 * Throws the system's error (`ENOSPC`: no watches left; `EMFILE`: no inotify instance left; `ENOENT`).
 */
export type WatchDirectory = (
  path: string,
  onEvent: (name: string | undefined, gone: boolean) => void,
) => DirectoryWatch;

/** By inotify. */
export const watchDirectory: WatchDirectory = (path, onEvent) => {
  const own = basename(path);
  const watcher = watch(path, { persistent: true }, (type, name) => {
    // The end of the folder itself is told as a `rename` of its own name.
    onEvent(name ?? undefined, type === 'rename' && name === own);
  });
  // Reported for a folder that went away; its end is an event as well.
  watcher.on('error', () => onEvent(undefined, true));
  return watcher;
};
