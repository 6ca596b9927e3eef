import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AnyObject, parseObject } from '../../api/index.ts';
import { Fault } from '../../lib/fault.ts';
import type { Manifest } from '../../network/endpoint/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';

/**
 * For several nodes without an API server: a folder that all of them read, with a file for each object. A file appears whole, and
 * of several nodes that create one, one does (link(2) never replaces).
 */
export function folderObjects(folder: string): ClusterObjects {
  const pathOf = ({ kind, metadata }: Pick<Manifest, 'kind' | 'metadata'>) =>
    join(folder, `${[kind, metadata.namespace, metadata.name].filter(Boolean).join('.')}.json`.toLowerCase());
  /** Not read by the source: the name does not end in `.json`. */
  const aside = (manifest: Manifest): string => {
    const path = `${pathOf(manifest)}.${randomUUID()}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, `${JSON.stringify(manifest, undefined, 1)}\n`);
    return path;
  };
  const guard = async <T>(
    operation: string,
    manifest: Pick<Manifest, 'kind' | 'metadata'>,
    work: () => T,
  ): Promise<T> => {
    try {
      return work();
    } catch (error) {
      throw Fault.from(
        error,
        'PUBLISH',
        `${operation} ${pathOf(manifest)}`,
        'is the folder writable, and the disk not full?',
      );
    }
  };
  return {
    createOnce: (manifest) =>
      guard('create', manifest, () => {
        const path = pathOf(manifest);
        const fresh = aside(manifest);
        try {
          linkSync(fresh, path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        } finally {
          rmSync(fresh, { force: true });
        }
        return readObject(path);
      }),
    apply: (manifest) => guard('write', manifest, () => renameSync(aside(manifest), pathOf(manifest))),
    // Nobody collects identities here.
    keepIdentity: async () => true,
    remove: (manifest) => guard('remove', { ...manifest }, () => rmSync(pathOf(manifest), { force: true })),
  };
}

function readObject(path: string): AnyObject | undefined {
  return parseObject(JSON.parse(readFileSync(path, 'utf8'))).object;
}
