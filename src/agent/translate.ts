import type { Diagnostic } from '../api/index.ts';
import type { EncodeOptions } from '../mesh/envoy/index.ts';
import { applyBatch } from '../mesh/inputs.ts';
import { defaultMeshOptions, type MeshOptions } from '../mesh/model/index.ts';
import { oneShot } from '../sources/index.ts';
import type { SourceStats } from '../sources/source.ts';
import { collectDiagnostics, type Locate } from '../status/index.ts';
import { type ControlPlane, createControlPlane } from './control-plane.ts';

export interface Translation {
  readonly plane: ControlPlane;
  /** With places, errors first. */
  readonly diagnostics: readonly Diagnostic[];
  readonly stats: SourceStats;
  readonly locate: Locate;
}

/** Reads objects once and translates them, starting nothing. What cannot be read is a diagnostic. */
export function translatePaths(
  paths: readonly string[],
  options: Partial<MeshOptions>,
  encode?: EncodeOptions,
): Translation {
  const plane = createControlPlane({
    mesh: { ...defaultMeshOptions, ...options },
    ...(encode && { encode }),
    schedule: () => {},
  });
  const source = oneShot(paths);
  applyBatch(plane.tables, { changes: source.objects.map((object) => ({ op: 'set', object })) });
  plane.store.flush();
  const locate: Locate = (ref, field) => source.locationOf(ref, field);
  return {
    plane,
    diagnostics: collectDiagnostics(source.diagnostics, plane.diagnostics, locate),
    stats: source.stats,
    locate,
  };
}
