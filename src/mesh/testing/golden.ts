/**
 * Golden files for translators: `testdata/X.in.yaml`, Kubernetes objects as users write them, and `X.out.yaml`, what a
 * translator makes of them. For tests only.
 *
 * An input holds any number of YAML documents. A document `options: {...}` sets options of the translation instead of an
 * object; a string `$file NAME` is replaced by that file of the folder (certificates). `UPDATE_GOLDEN=1` rewrites outputs.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { AnyObject, Diagnostic } from '../../api/index.ts';
import { parseObject } from '../../api/parse.ts';
import { Store } from '../../store/index.ts';
import { createTables, setObject, type Tables } from '../inputs.ts';
import { defaultMeshOptions, type MeshOptions, type MeshOutputs } from '../model/index.ts';

import { renderOutputs } from './render.ts';

export type Translate = (store: Store, tables: Tables, options: MeshOptions) => MeshOutputs;

export interface GoldenInput {
  readonly objects: readonly AnyObject[];
  /** Of documents that the parsers refuse or warn about. */
  readonly diagnostics: readonly Diagnostic[];
  readonly options: MeshOptions;
}

/** Registers a test for each golden in `folder`, and one that no output is without its input. Call it inside a `describe`. */
export function goldenTests(folder: string, translate: Translate): void {
  const files = readdirSync(folder).sort();
  const names = files.filter((file) => file.endsWith('.in.yaml')).map((file) => file.slice(0, -'.in.yaml'.length));
  for (const name of names) it(name, () => checkGolden(folder, name, translate));
  it('has no orphan goldens', () => {
    const outputs = files
      .filter((file) => file.endsWith('.out.yaml'))
      .map((file) => file.slice(0, -'.out.yaml'.length));
    assert.deepEqual(
      outputs.filter((name) => !names.includes(name)),
      [],
    );
    assert.notEqual(names.length, 0, `${folder} holds no goldens`);
  });
}

function checkGolden(folder: string, name: string, translate: Translate): void {
  const input = loadGolden(folder, `${name}.in.yaml`);
  const text = renderOutputs(build(translate, input, input.objects), input.diagnostics);
  // Every golden is also a case of: order of arrival does not matter, and incremental equals rebuild.
  const stepwise = build(translate, input, [...input.objects].reverse(), true);
  assert.equal(
    renderOutputs(stepwise, input.diagnostics),
    text,
    'objects one by one, the last first, gave another result',
  );
  const path = join(folder, `${name}.out.yaml`);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
  assert.ok(existsSync(path), `${path} is missing: UPDATE_GOLDEN=1 writes it`);
  assert.equal(text, readFileSync(path, 'utf8'));
}

function build(translate: Translate, input: GoldenInput, objects: readonly AnyObject[], stepwise = false): MeshOutputs {
  const store = new Store({ schedule: () => {} });
  const tables = createTables(store);
  const outputs = translate(store, tables, input.options);
  for (const object of objects) {
    setObject(tables, object);
    if (stepwise) store.flush();
  }
  store.flush();
  return outputs;
}

/** The objects of one input file, as any test may use them. */
export function loadGolden(folder: string, file: string): GoldenInput {
  const objects: AnyObject[] = [];
  const diagnostics: Diagnostic[] = [];
  let options = defaultMeshOptions;
  for (const document of loadAll(readFileSync(join(folder, file), 'utf8'))) {
    if (document === null || document === undefined) continue;
    if (typeof document === 'object' && 'options' in document) {
      options = { ...options, ...(document.options as Partial<MeshOptions>) };
      continue;
    }
    const parsed = parseObject(withFiles(document, folder));
    if (parsed.object !== undefined) objects.push(parsed.object);
    diagnostics.push(...parsed.diagnostics);
  }
  return { objects, diagnostics, options };
}

function withFiles(value: unknown, folder: string): unknown {
  if (typeof value === 'string')
    return value.startsWith('$file ') ? readFileSync(join(folder, value.slice('$file '.length)), 'utf8') : value;
  if (Array.isArray(value)) return value.map((item) => withFiles(item, folder));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withFiles(item, folder)]));
}
