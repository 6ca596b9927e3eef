import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { Fault } from '../lib/fault.ts';
import { type DirectoryWatch, type WatchDirectory, watchDirectory } from './watch-directory.ts';

interface Folder {
  readonly path: string;
  readonly real: string;
  readonly inode: number;
  /** Undefined where the system would not watch it: then it is rescanned at intervals. */
  readonly watch: DirectoryWatch | undefined;
  /** Names that are files of ours, or links to such. */
  readonly files: Set<string>;
  readonly folders: Set<string>;
}

/** A folder outside those watched, that links lead into: names there, and the links to each. */
interface Target {
  readonly watch: DirectoryWatch | undefined;
  readonly links: Map<string, Set<string>>;
}

export interface FolderWatcherOptions {
  /** Files and folders, which need not exist. */
  readonly paths: readonly string[];
  /** A file has changed, appeared or gone, or a folder of that name has. */
  readonly onChange: (path: string) => void;
  /** A file is there, and may have changed: compare before reading. */
  readonly onSeen: (path: string) => void;
  readonly onFault: (fault: Fault) => void;
  readonly watch?: WatchDirectory;
}

const WANTED = /\.(?:ya?ml|json)$/i;

/** Dot files, and what editors leave behind while they work: `x~`, `#x#`, `x.swp`, `x.tmp` have other endings already. */
export function isWanted(name: string): boolean {
  return WANTED.test(name) && !name.startsWith('.') && !name.startsWith('#') && !name.startsWith('~');
}

/** How a ConfigMap volume swaps all of its files at once: they are links through this one. */
const ATOMIC_LINK = '..data';

/**
 * Watches folders, with all folders below, and single files, by inotify: one watch a folder. What does not exist is waited
 * for in the closest folder above that does. It looks at names only; reading is the caller's.
 */
export class FolderWatcher {
  readonly #options: FolderWatcherOptions;
  readonly #watch: WatchDirectory;
  readonly #roots: readonly string[];
  readonly #folders = new Map<string, Folder>();
  readonly #reals = new Set<string>();
  /** Watches above the roots, by folder; and those on the folders that links lead to. */
  readonly #anchors = new Map<string, DirectoryWatch | undefined>();
  readonly #targets = new Map<string, Target>();
  readonly #unreadable = new Set<string>();
  #faulted = false;
  #closed = false;

  constructor(options: FolderWatcherOptions) {
    this.#options = options;
    this.#watch = options.watch ?? watchDirectory;
    this.#roots = [...new Set(options.paths.map((path) => normalize(path).replace(/(?<=.)\/+$/, '')))];
  }

  /** Calls `onChange` for every file there is. */
  start(): void {
    for (const root of this.#roots) this.#evaluate(root);
  }

  /** Looks for what inotify did not tell: after its queue may have overflowed, and where it does not watch. */
  rescan(which: 'all' | 'unwatched'): void {
    for (const root of this.#roots) if (which === 'all' || !this.#isAnchored(root)) this.#evaluate(root, true);
    for (const folder of [...this.#folders.values()])
      if (which === 'all' || folder.watch === undefined) this.#scan(folder);
  }

  /** Whether something has to be rescanned at intervals. */
  get hasUnwatched(): boolean {
    return this.#faulted;
  }

  /** Paths that do not exist: they are waited for. */
  missing(): readonly string[] {
    return this.#roots.filter((root) => !this.#folders.has(root) && statOf(root) === undefined);
  }

  close(): void {
    this.#closed = true;
    for (const { watch } of this.#folders.values()) watch?.close();
    for (const watch of this.#anchors.values()) watch?.close();
    for (const { watch } of this.#targets.values()) watch?.close();
  }

  /** Brings one root up to date, and sees to it that its coming and going will be noticed. */
  #evaluate(root: string, onlySeen = false): void {
    this.#anchor(root);
    const stat = statOf(root);
    const folder = this.#folders.get(root);
    if (folder !== undefined && folder.inode !== stat?.ino) this.#dropFolder(folder);
    if (stat?.isDirectory()) this.#addFolder(root, stat);
    (onlySeen && stat !== undefined ? this.#options.onSeen : this.#options.onChange)(root);
    if (stat?.isFile()) this.#followLink(root);
  }

  #isAnchored(root: string): boolean {
    return this.#anchors.get(anchorOf(root)) !== undefined;
  }

  /** Once more after the watch is set: a folder closer to the root may have come up in between. */
  #anchor(root: string): void {
    for (let folder = anchorOf(root), last = ''; folder !== last; last = folder, folder = anchorOf(root)) {
      if (this.#anchors.get(folder) !== undefined) continue;
      const anchored = folder;
      const watch = this.#tryWatch(anchored, (name, gone) => this.#onAnchorEvent(anchored, name, gone));
      this.#anchors.set(anchored, watch);
    }
  }

  #onAnchorEvent(folder: string, name: string | undefined, gone: boolean): void {
    if (gone) {
      this.#anchors.get(folder)?.close();
      this.#anchors.delete(folder);
    }
    for (const root of this.#roots) {
      const absolute = resolve(root);
      if (
        gone ||
        name === undefined ||
        absolute === join(folder, name) ||
        absolute.startsWith(`${join(folder, name)}/`)
      )
        this.#evaluate(root);
    }
  }

  #addFolder(path: string, stat: Stats): void {
    if (this.#folders.has(path)) return;
    const real = realOf(path);
    // A folder that is reached in two ways, or a link that leads back up, counts once.
    if (real === undefined || this.#reals.has(real)) return;
    // Watched first, then listed: nothing can slip in between.
    const watch = this.#tryWatch(path, (name, gone) => this.#onFolderEvent(path, name, gone));
    const folder: Folder = { path, real, inode: stat.ino, watch, files: new Set(), folders: new Set() };
    this.#folders.set(path, folder);
    this.#reals.add(real);
    this.#folders.get(dirname(path))?.folders.add(basename(path));
    this.#scan(folder);
  }

  #dropFolder(folder: Folder): void {
    folder.watch?.close();
    this.#folders.delete(folder.path);
    this.#reals.delete(folder.real);
    this.#folders.get(dirname(folder.path))?.folders.delete(basename(folder.path));
    for (const name of folder.files) this.#options.onChange(join(folder.path, name));
    for (const name of [...folder.folders]) {
      const child = this.#folders.get(join(folder.path, name));
      if (child !== undefined) this.#dropFolder(child);
    }
  }

  /** Compares a folder's list with what is known of it. */
  #scan(folder: Folder): void {
    const names = this.#list(folder);
    if (names === undefined) return;
    for (const name of [...folder.files, ...folder.folders]) if (!names.has(name)) this.#look(folder, name);
    for (const [name, isFile] of names) {
      if (folder.files.has(name)) this.#options.onSeen(join(folder.path, name));
      else if (name.startsWith('.') || (isFile && !isWanted(name))) continue;
      else if (isFile && !this.#folders.has(join(folder.path, name))) {
        // The list says all there is to know; a look costs two system calls, and there may be 10,000 files.
        folder.files.add(name);
        this.#options.onChange(join(folder.path, name));
      } else this.#look(folder, name);
    }
  }

  /** Names, in order, and which of them are plain files. */
  #list(folder: Folder): ReadonlyMap<string, boolean> | undefined {
    try {
      const entries = readdirSync(folder.path, { withFileTypes: true });
      const names = new Map(entries.map((entry) => [entry.name, entry.isFile()] as const).sort(byName));
      this.#unreadable.delete(folder.path);
      return names;
    } catch (error) {
      if (statOf(folder.path) === undefined) this.#dropFolder(folder);
      else if (!this.#unreadable.has(folder.path)) {
        this.#unreadable.add(folder.path);
        const hint = 'let this process read the folder';
        this.#options.onFault(Fault.from(error, 'FOLDER_UNREADABLE', `list ${folder.path}`, hint));
      }
      return undefined;
    }
  }

  #onFolderEvent(path: string, name: string | undefined, gone: boolean): void {
    const folder = this.#folders.get(path);
    if (folder === undefined) return;
    const stat = gone ? statOf(path) : undefined;
    if (gone && stat?.ino !== folder.inode) {
      this.#dropFolder(folder);
      if (stat?.isDirectory()) this.#addFolder(path, stat);
    } else if (name === undefined) this.#scan(folder);
    else if (name === ATOMIC_LINK) for (const each of [...folder.files]) this.#look(folder, each);
    else if (!name.startsWith('.')) this.#look(folder, name);
  }

  /** Something happened to one name in a folder: a file, a folder, a link to either, or nothing any more. */
  #look(folder: Folder, name: string): void {
    const path = join(folder.path, name);
    const stat = statOf(path);
    const child = this.#folders.get(path);
    if (child !== undefined && stat?.ino !== child.inode) this.#dropFolder(child);
    if (stat?.isDirectory()) this.#addFolder(path, stat);
    if (!isWanted(name)) return;
    if (stat?.isFile()) folder.files.add(name);
    else folder.files.delete(name);
    if (!stat?.isDirectory()) this.#followLink(path);
    this.#options.onChange(path);
  }

  /** What a link leads to may change in its own folder, where nobody looks as yet. */
  #followLink(path: string): void {
    if (!isLink(path)) return;
    // One that leads nowhere as yet is waited for.
    const real = realOf(path) ?? targetOf(path);
    if (real === undefined) return;
    const folder = dirname(real);
    const links = this.#targets.get(folder)?.links ?? this.#watchTarget(folder);
    const paths = links.get(basename(real));
    if (paths === undefined) links.set(basename(real), new Set([path]));
    else paths.add(path);
  }

  #watchTarget(folder: string): Target['links'] {
    const links: Target['links'] = new Map();
    const watch = this.#tryWatch(folder, (name, gone) => {
      if (gone) {
        this.#targets.get(folder)?.watch?.close();
        this.#targets.delete(folder);
      }
      for (const [file, paths] of links)
        if (gone || name === undefined || name === file)
          for (const path of paths) {
            this.#followLink(path);
            this.#options.onChange(path);
          }
    });
    this.#targets.set(folder, { watch, links });
    return links;
  }

  #tryWatch(path: string, onEvent: (name: string | undefined, gone: boolean) => void): DirectoryWatch | undefined {
    try {
      return this.#watch(path, (name, gone) => {
        if (!this.#closed) onEvent(name, gone);
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      if (!this.#faulted) this.#options.onFault(watchFault(path, error));
      this.#faulted = true;
      return undefined;
    }
  }
}

function watchFault(path: string, error: unknown): Fault {
  const { code } = error as NodeJS.ErrnoException;
  const hint =
    code === 'ENOSPC'
      ? 'raise the limit (sysctl fs.inotify.max_user_watches=524288); until then folders are rescanned every second'
      : code === 'EMFILE'
        ? 'raise the limit (sysctl fs.inotify.max_user_instances=512); until then folders are rescanned every second'
        : 'folders are rescanned every second instead';
  return Fault.from(error, 'WATCH_FAILED', `watch ${path}`, hint);
}

/** The closest folder above that exists. */
function anchorOf(root: string): string {
  let folder = dirname(resolve(root));
  while (folder !== '/' && !statOf(folder)?.isDirectory()) folder = dirname(folder);
  return folder;
}

const byName = ([a]: readonly [string, boolean], [b]: readonly [string, boolean]): number => (a < b ? -1 : 1);

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function targetOf(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return undefined;
  }
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
