import { statSync } from 'node:fs';
import type { Location, ObjectRef } from '../api/index.ts';
import type { Fault } from '../lib/fault.ts';
import type { Log } from '../lib/log.ts';
import { Claims } from './claims.ts';
import { type FileState, isBad, readFileState } from './file-state.ts';
import { FolderWatcher } from './folder-watcher.ts';
import { readFile, stampOf } from './read-file.ts';
import { Report } from './report.ts';
import type { Source, SourceOptions, SourceStats } from './source.ts';
import type { WatchDirectory } from './watch-directory.ts';

export interface FileSourceOptions extends SourceOptions {
  /** Files and folders, which need not exist yet. Diagnostics name files as they are named here. */
  readonly paths: readonly string[];
  readonly log?: Log;
  /** Faults of the environment: no inotify watches left, an unreadable folder. The source goes on. */
  readonly onFault?: (fault: Fault) => void;
  /** ms without an event after which what is gone from a file, or looks half written, is taken at its word; 50. */
  readonly settleAfter?: number;
  /** ms between looks at folders that the system does not watch for us; 1000. */
  readonly rescanEvery?: number;
  readonly watch?: WatchDirectory;
}

/** ms without an event after which changed files are read: long enough to make one batch of a burst of writes. */
const QUIET = 1;
/** ms after which they are read though events go on. */
const MAX_WAIT = 20;
/** Both, after a batch of several files: more of a folder that is being copied will come, and few updates are cheaper. */
const BURST_QUIET = 10;
const BURST_MAX_WAIT = 100;
/** An editor that truncates and then writes does so within a few ms; deleting and making anew takes a little longer. */
const SETTLED = 50;
const RESCAN = 1000;
/** inotify queues 16384 events by default and drops the rest without our being told: after as many changes we look again. */
const BURST = 2000;
/** ms of reading during which that may have happened too. */
const LONG_READ = 250;
/** ms of reading at the start after which others get their turn. */
const SLICE = 50;

/** Opens files and folders as a source of objects, kept up to date by inotify. */
export function openFileSource(options: FileSourceOptions): Source {
  return new FileSource(options);
}

class FileSource implements Source {
  readonly ready: Promise<void>;
  readonly #options: FileSourceOptions;
  readonly #settleAfter: number;
  readonly #watcher: FolderWatcher;
  readonly #files = new Map<string, FileState>();
  readonly #claims = new Claims();
  readonly #report = new Report(this.#files, this.#claims);
  readonly #stamps = new Map<string, string>();
  readonly #dirty = new Set<string>();
  /** Files not settled, with the time at which they will be. */
  readonly #unsettled = new Map<string, number>();
  /** What unsettled files were before: good versions come from there. */
  readonly #before = new Map<string, FileState>();
  /** Unsettled files that were not taken over, since they look half written. */
  readonly #postponed = new Set<string>();
  #dirtySince = 0;
  #burstUntil = 0;
  #loaded = false;
  #closed = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #settleTimer: NodeJS.Timeout | undefined;
  #rescanTimer: NodeJS.Timeout | undefined;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#settleAfter = options.settleAfter ?? SETTLED;
    this.#watcher = new FolderWatcher({
      paths: options.paths,
      onChange: (path) => this.#onChange(path),
      onSeen: (path) => {
        if (this.#stamps.get(path) !== stampNow(path)) this.#onChange(path);
      },
      onFault: (fault) => {
        options.log?.warn({ err: fault, code: fault.code, hint: fault.hint }, fault.message);
        options.onFault?.(fault);
      },
      ...(options.watch === undefined ? {} : { watch: options.watch }),
    });
    this.ready = this.#load();
  }

  stats(): SourceStats {
    let documents = 0;
    let bad = 0;
    for (const file of this.#files.values()) {
      documents += file.documents.length;
      if (file.problem !== undefined) bad++;
      else for (const document of file.documents) if (isBad(document)) bad++;
    }
    return { files: this.#files.size, documents, objects: this.#claims.size, bad };
  }

  locationOf(ref: ObjectRef, field?: string): Location | undefined {
    return this.#report.locate(ref, field);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher.close();
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#settleTimer);
    clearInterval(this.#rescanTimer);
    await this.ready;
  }

  async #load(): Promise<void> {
    await nextTurn();
    if (this.#closed) return;
    const start = performance.now();
    this.#watcher.start();
    let slice = start;
    for (let path = this.#takeDirty(); path !== undefined; path = this.#takeDirty()) {
      this.#refresh(path);
      if (performance.now() - slice > SLICE) {
        await nextTurn();
        if (this.#closed) return;
        slice = performance.now();
      }
    }
    this.#loaded = true;
    this.#publish();
    if (performance.now() - start > LONG_READ) this.#rescanSoon();
    if (this.#watcher.hasUnwatched) this.#startRescans();
    const { files, objects, bad } = this.stats();
    const ms = Math.round(performance.now() - start);
    this.#options.log?.info({ files, objects, bad, ms }, 'files loaded');
  }

  #takeDirty(): string | undefined {
    const [path] = this.#dirty;
    if (path !== undefined) this.#dirty.delete(path);
    return path;
  }

  #onChange(path: string): void {
    if (this.#closed) return;
    const now = performance.now();
    if (this.#unsettled.has(path)) this.#unsettle(path, now);
    if (this.#dirty.size === 0) this.#dirtySince = now;
    this.#dirty.add(path);
    if (!this.#loaded) return;
    const burst = this.#dirtySince < this.#burstUntil;
    if (this.#flushTimer === undefined) this.#flushTimer = setTimeout(() => this.#flush(), burst ? BURST_QUIET : QUIET);
    else if (now - this.#dirtySince < (burst ? BURST_MAX_WAIT : MAX_WAIT)) this.#flushTimer.refresh();
  }

  #flush(): void {
    this.#flushTimer = undefined;
    const start = performance.now();
    const count = this.#dirty.size;
    for (const path of [...this.#dirty].sort()) this.#refresh(path);
    this.#dirty.clear();
    this.#publish();
    if (count > 2) this.#burstUntil = performance.now() + BURST_MAX_WAIT;
    if (count > BURST || performance.now() - start > LONG_READ) this.#rescanSoon();
    if (this.#watcher.hasUnwatched) this.#startRescans();
  }

  /** Reads one file anew. `settled`: it has been quiet, so what it says now is what is meant. */
  #refresh(path: string, settled = false): void {
    const current = this.#files.get(path);
    const previous = this.#before.get(path) ?? current;
    const read = readFile(path);
    if ('absent' in read) {
      this.#stamps.delete(path);
      if (current !== undefined) this.#take(path, undefined);
      return;
    }
    this.#stamps.set(path, read.stamp);
    if ('problem' in read) {
      // The file itself is bad: what it held stays in force, unless that is gone.
      const { text = '', documents = [] } = (read.gone === true ? undefined : previous) ?? {};
      this.#take(path, { path, text, documents, problem: read.problem });
    } else if (current?.text === read.text && current.problem === undefined) {
      // Nothing new; if something else was postponed, it is no longer true.
      this.#postponed.delete(path);
    } else if (!settled && previous !== undefined && looksHalfWritten(previous.text, read.text)) {
      this.#postponed.add(path);
      this.#unsettle(path, performance.now());
    } else this.#take(path, readFileState(path, read.text, previous));
  }

  #take(path: string, state: FileState | undefined): void {
    const current = this.#files.get(path);
    if (state === undefined) this.#files.delete(path);
    else this.#files.set(path, state);
    this.#postponed.delete(path);
    this.#claims.update(path, state);
    this.#report.update(path);
    if (!this.#claims.lingers(path)) return;
    if (current !== undefined && !this.#before.has(path)) this.#before.set(path, current);
    this.#unsettle(path, performance.now());
  }

  #unsettle(path: string, now: number): void {
    this.#unsettled.set(path, now + this.#settleAfter);
    this.#settleTimer ??= setTimeout(() => this.#settle(), this.#settleAfter);
  }

  #settle(): void {
    this.#settleTimer = undefined;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [path, at] of this.#unsettled) {
      if (at > now) {
        next = Math.min(next, at);
        continue;
      }
      if (this.#postponed.has(path)) this.#refresh(path, true);
      this.#claims.settle(path);
      this.#unsettled.delete(path);
      this.#before.delete(path);
    }
    if (next < Number.POSITIVE_INFINITY)
      this.#settleTimer ??= setTimeout(() => this.#settle(), Math.max(1, Math.ceil(next - now)));
    this.#publish();
  }

  #publish(): void {
    if (!this.#loaded || this.#closed) return;
    const changes = this.#claims.take();
    if (changes.length > 0) this.#options.sink({ changes });
    const diagnostics = this.#report.take(this.#watcher.missing());
    if (diagnostics !== undefined) this.#options.onDiagnostics(diagnostics);
  }

  #rescanSoon(): void {
    setTimeout(() => {
      if (!this.#closed) this.#watcher.rescan('all');
    }, this.#settleAfter).unref();
  }

  #startRescans(): void {
    this.#rescanTimer ??= setInterval(() => this.#watcher.rescan('unwatched'), this.#options.rescanEvery ?? RESCAN);
  }
}

/**
 * A writer that truncates and then writes is caught in the middle: nothing is there, or only the beginning of what was,
 * or the text lacks the line end that it used to have.
 */
function looksHalfWritten(before: string, now: string): boolean {
  return (before.endsWith('\n') && !now.endsWith('\n')) || (now.length < before.length && before.startsWith(now));
}

function stampNow(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : stampOf(stat);
  } catch {
    return undefined;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
