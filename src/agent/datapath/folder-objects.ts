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
  const aside = (manifest: Manifest, path: string): string => {
    const fresh = `${path}.${randomUUID()}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(fresh, `${JSON.stringify(manifest, undefined, 1)}\n`);
    return fresh;
  };
  const guard = async <T>(
    operation: string,
    manifest: Pick<Manifest, 'kind' | 'metadata'>,
    work: (path: string) => T,
  ): Promise<T> => {
    const { name, namespace = '' } = manifest.metadata;
    const path = pathOf(manifest);
    // It would be a file somewhere else.
    if (`${namespace}${name}`.includes('/'))
      throw new Fault('PUBLISH', `${operation} ${path}: a name in it has a slash`);
    try {
      return work(path);
    } catch (error) {
      throw Fault.from(error, 'PUBLISH', `${operation} ${path}`, 'is the folder writable, and the disk not full?');
    }
  };
  return {
    createOnce: (manifest) =>
      guard('create', manifest, (path) => {
        const fresh = aside(manifest, path);
        try {
          linkSync(fresh, path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        } finally {
          rmSync(fresh, { force: true });
        }
        return readObject(path);
      }),
    apply: (manifest) => guard('write', manifest, (path) => renameSync(aside(manifest, path), path)),
    // Nobody collects identities here.
    keepIdentity: async () => true,
    remove: (manifest) => guard('remove', manifest, (path) => rmSync(path, { force: true })),
  };
}

function readObject(path: string): AnyObject | undefined {
  return parseObject(JSON.parse(readFileSync(path, 'utf8'))).object;
}
