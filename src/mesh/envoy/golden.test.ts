import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, type Model, meshOf, writeModel } from './testing/model.ts';
import { renderResources } from './testing/render.ts';

const folder = join(import.meta.dirname, 'testdata');
const files = readdirSync(folder).sort();
const namesOf = (suffix: string) =>
  files.filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
const names = namesOf('.in.yaml');

describe('model to Envoy', () => {
  for (const name of names)
    it(name, () => {
      const { model, options } = loadModel(join(folder, `${name}.in.yaml`));
      const whole = meshOf(options);
      writeModel(whole.tables, model);
      whole.store.flush();
      const text = renderResources(whole.resources);
      // Incremental equals rebuild, and order of arrival does not matter.
      const stepwise = meshOf(options);
      writeModel(stepwise.tables, reversed(model), () => stepwise.store.flush());
      assert.equal(renderResources(stepwise.resources), text, 'one by one, the last first, gave another result');
      const path = join(folder, `${name}.out.yaml`);
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
      assert.ok(existsSync(path), `${path} is missing: UPDATE_GOLDEN=1 writes it`);
      assert.equal(text, readFileSync(path, 'utf8'));
    });

  it('has no orphan goldens', () => {
    assert.deepEqual(
      namesOf('.out.yaml').filter((name) => !names.includes(name)),
      [],
    );
    assert.ok(names.length > 0);
  });
});

const reversed = (model: Model) =>
  Object.fromEntries(Object.entries(model).map(([name, list]) => [name, [...list].reverse()])) as unknown as Model;
