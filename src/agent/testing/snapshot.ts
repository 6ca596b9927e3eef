/** For tests only: all that a control plane has come to, as plain data that can be compared. */
import type { AnyObject } from '../../api/index.ts';
import { objectKey, refKey } from '../../api/index.ts';
import { setObject } from '../../mesh/inputs.ts';
import { defaultMeshOptions } from '../../mesh/model/index.ts';
import { type ControlPlane, type ControlPlaneOptions, createControlPlane } from '../control-plane.ts';

/** A control plane that is flushed by hand. */
export function plane(objects: Iterable<AnyObject> = [], options: Partial<ControlPlaneOptions> = {}): ControlPlane {
  const made = createControlPlane({ mesh: defaultMeshOptions, schedule: () => {}, ...options });
  for (const object of objects) setObject(made.tables, object);
  made.store.flush();
  return made;
}

export function remove(to: ControlPlane, object: AnyObject): void {
  to.tables[object.kind].delete(objectKey(object));
}

/** Resources by type and name with their versions and origins, statuses and diagnostics by object. */
export function snapshot(of: ControlPlane): Record<string, unknown> {
  return {
    resources: byKey(
      of.resources.flatMap((collection) =>
        [...collection.values()].map(({ type, name, version, origins }): [string, unknown] => [
          `${type} ${name}`,
          { version, origins: origins.map(refKey).sort() },
        ]),
      ),
    ),
    statuses: byKey([...of.statuses.entries()]),
    services: byKey([...of.services.entries()]),
    diagnostics: of.diagnostics.map((collection) => byKey([...collection.entries()])),
  };
}

function byKey(entries: readonly [string, unknown][]): [string, unknown][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}
