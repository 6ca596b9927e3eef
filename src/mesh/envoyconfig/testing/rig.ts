/** For tests only: objects in as YAML, everything that the translation gives out as plain data. */
import { loadAll } from 'js-yaml';
import type { Diagnostic } from '../../../api/index.ts';
import { parseObject } from '../../../api/parse.ts';
import { Store } from '../../../store/index.ts';
import { createTables, setObject, type Tables } from '../../inputs.ts';
import { defaultMeshOptions, type MeshOptions } from '../../model/index.ts';
import { decodeResource, type EnvoyConfigOptions, type EnvoyConfigOutputs, translateEnvoyConfig } from '../index.ts';

export interface Rig extends EnvoyConfigOutputs {
  readonly store: Store;
  readonly tables: Tables;
  /** What the parsers said of objects. */
  readonly parsing: Diagnostic[];
  /** Objects to add or replace; all of them reach the translation as one change. */
  add(yaml: string): void;
  /** All resources by `type/name`, decoded. */
  decoded(): Record<string, unknown>;
  /** Reasons and fields of all diagnostics. */
  problems(): string[];
}

export function rig(options: Partial<MeshOptions> & EnvoyConfigOptions = {}): Rig {
  const store = new Store({ schedule: () => {} });
  const tables = createTables(store);
  const outputs = translateEnvoyConfig(store, tables, { ...defaultMeshOptions, ...options });
  const parsing: Diagnostic[] = [];
  return {
    store,
    tables,
    ...outputs,
    parsing,
    add(yaml) {
      for (const document of loadAll(yaml)) {
        if (document === null || document === undefined) continue;
        const parsed = parseObject(document);
        parsing.push(...parsed.diagnostics);
        if (parsed.object !== undefined) setObject(tables, parsed.object);
      }
      store.flush();
    },
    decoded() {
      const entries = [...outputs.resources.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
      return Object.fromEntries(entries.map(([key, resource]) => [key, decodeResource(resource)]));
    },
    problems() {
      return [...outputs.diagnostics.values()]
        .flat()
        .map(({ reason, field }) => `${reason} ${field ?? ''}`.trim())
        .sort();
    },
  };
}
