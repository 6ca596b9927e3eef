import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { createControlPlane } from '../../agent/control-plane.ts';
import { refOf } from '../../api/index.ts';
import { defaultEncodeOptions } from '../envoy/index.ts';
import type { Resource } from '../envoy/resource.ts';
import { setObject } from '../inputs.ts';
import { loadGolden } from '../testing/golden.ts';
import { decodeResource, ownedResources, toCiliumEnvoyConfig } from './index.ts';
import { namePrefix } from './names.ts';
import { rig } from './testing/rig.ts';

/** What is compared: everything but secrets, by type and name, as text without the new object's names. */
function texts(resources: Iterable<Resource>, prefix: string): string[] {
  return [...resources]
    .filter(({ type }) => type !== 'secrets')
    .map((resource) => `${resource.type} ${JSON.stringify(decodeResource(resource))}`.replaceAll(prefix, ''))
    .sort();
}

/** Inline tables have their check of clusters turned off, and names of endpoint sets follow those of clusters. */
const own = /,?"validate_clusters":false/g;

let compared = 0;

describe('envoyconfig: what Ingresses and Gateways amount to', () => {
  for (const room of ['ingress', 'gateway']) {
    const folder = join(import.meta.dirname, '..', room, 'testdata');
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.in.yaml')))
      it(`${room} ${file}: as CiliumEnvoyConfigs, the same resources`, () => {
        const input = loadGolden(folder, file);
        const encode = { ...defaultEncodeOptions, bucketThreshold: Number.POSITIVE_INFINITY };
        const plane = createControlPlane({ mesh: input.options, encode, schedule: () => {} });
        for (const object of input.objects) setObject(plane.tables, object);
        plane.store.flush();
        const all = plane.resources.flatMap((collection) => [...collection.values()]);
        for (const object of input.objects) {
          if (object.kind !== 'Ingress' && object.kind !== 'Gateway') continue;
          const owner = refOf(object);
          const owned = ownedResources(all, owner);
          const config = toCiliumEnvoyConfig(owned, owner);
          const { name } = (config as { metadata: { name: string } }).metadata;
          const prefix = namePrefix(owner.namespace, name);
          const back = rig(input.options);
          for (const other of input.objects)
            if (['Service', 'EndpointSlice', 'Pod', 'Secret', 'ConfigMap'].includes(other.kind))
              setObject(back.tables, other);
          back.add(dump(config));
          assert.deepEqual(back.parsing, []);
          const errors = [...back.diagnostics.values()].flat().filter(({ severity }) => severity === 'error');
          assert.deepEqual(errors, []);
          compared += owned.length;
          const expected = texts(owned, prefix).map((text) => text.replaceAll(own, ''));
          assert.deepEqual(
            texts(back.resources.values(), prefix).map((text) => text.replaceAll(own, '')),
            expected,
          );
        }
      });
  }
  // An owner that nothing is found for compares nothing.
  after(() => assert.ok(compared > 200, `only ${compared} resources were compared`));
});
