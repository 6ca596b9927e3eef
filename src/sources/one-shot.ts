import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { AnyObject, Diagnostic, Location, ObjectRef } from '../api/index.ts';
import { Claims } from './claims.ts';
import { type FileState, isBad, readFileState } from './file-state.ts';
import { isWanted } from './folder-watcher.ts';
import { readFile } from './read-file.ts';
import { Report } from './report.ts';
import type { SourceStats } from './source.ts';

export interface OneShot {
  readonly objects: readonly AnyObject[];
  readonly diagnostics: readonly Diagnostic[];
  readonly stats: SourceStats;
  locationOf(ref: ObjectRef, field?: string): Location | undefined;
}

/** Files and folders as they are now, for commands that look once: the same reading as `openFileSource`, without watching. */
export function oneShot(paths: readonly string[]): OneShot {
  const files = new Map<string, FileState>();
  const claims = new Claims();
  const report = new Report(files, claims);
  const problems: Diagnostic[] = [];
  for (const path of [...new Set(paths.flatMap((each) => expand(normalize(each), problems)))].sort()) {
    const read = readFile(path);
    if ('absent' in read) problems.push(unusable(path, 'PathNotFound', 'is no file', 'name a file or a folder'));
    else if ('problem' in read) problems.push(read.problem);
    else {
      const state = readFileState(path, read.text, undefined);
      files.set(path, state);
      claims.update(path, state);
      report.update(path);
    }
  }
  const objects = claims.take().flatMap((change) => (change.op === 'set' ? [change.object] : []));
  const documents = [...files.values()].flatMap((file) => file.documents);
  return {
    objects,
    diagnostics: [...problems, ...report.all([])],
    stats: {
      files: files.size,
      documents: documents.length,
      objects: objects.length,
      bad: documents.filter(isBad).length + problems.length,
    },
    locationOf: (ref, field) => report.locate(ref, field),
  };
}

/** A file named by the user is read whatever it is called. */
function expand(path: string, problems: Diagnostic[]): readonly string[] {
  const stat = statOf(path);
  if (stat === undefined && !isThere(path)) {
    problems.push(unusable(path, 'PathNotFound', 'does not exist', 'check the spelling'));
    return [];
  }
  return stat?.isDirectory() ? list(path, new Set([stat.ino]), problems) : [path];
}

function list(folder: string, above: ReadonlySet<number>, problems: Diagnostic[]): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    const text = `cannot be listed (${(error as NodeJS.ErrnoException).code})`;
    problems.push(unusable(folder, 'Unreadable', text, 'let this process read it'));
    return [];
  }
  return names.flatMap((name) => {
    const path = join(folder, name);
    if (name.startsWith('.')) return [];
    const stat = statOf(path);
    // A link that leads back up would never end.
    if (stat?.isDirectory()) return above.has(stat.ino) ? [] : list(path, new Set([...above, stat.ino]), problems);
    return isWanted(name) ? [path] : [];
  });
}

/** Undefined also for a link that leads nowhere, or back to itself: reading it says so. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function unusable(path: string, reason: string, text: string, hint: string): Diagnostic {
  const location = { file: path, line: 1, column: 1 };
  return { severity: 'error', reason, message: `${path} ${text}`, hint, location };
}
