import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type AnyObject, objectKey, refKey } from '../api/index.ts';
import { missingCluster } from '../mesh/envoy/config.ts';
import { defaultEncodeOptions } from '../mesh/envoy/index.ts';
import type { ResourceType } from '../mesh/envoy/resource.ts';
import { setObject } from '../mesh/inputs.ts';
import { defaultMeshOptions } from '../mesh/model/index.ts';
import { ResourceCache } from '../xds/index.ts';
import { allTypes } from '../xds/testing/client.ts';
import { startRig } from '../xds/testing/rig.ts';
import type { ControlPlane, ControlPlaneOptions } from './control-plane.ts';
import { feedResources } from './resource-feed.ts';
import { referencesOf } from './testing/references.ts';
import { plane, remove, snapshot } from './testing/snapshot.ts';
import { anyObject } from './testing/universe/index.ts';

type Step = { readonly do: 'set' | 'delete'; readonly object: AnyObject | undefined } | { readonly do: 'flush' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('set' as const), object: anyObject }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), object: anyObject }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'flush' }) },
);
const steps = fc.array(step, { maxLength: 90, size: 'max' });

const options = fc.constantFrom<Partial<ControlPlaneOptions>>(
  {},
  { adminSocket: '/run/admin.sock', mesh: { ...defaultMeshOptions, defaultCertificate: 'default/cert' } },
  { mesh: { ...defaultMeshOptions, gatewayAddresses: 'single', defaultIngressClass: true, enforceHttps: false } },
  { mesh: { ...defaultMeshOptions, gatewayAddresses: 'service', sharedIngressService: 'default/cilium-ingress' } },
  { mesh: { ...defaultMeshOptions, gatewayAddresses: 'nodes', address: '0.0.0.0' } },
);

/** Takes one step; `present` is kept up to date with what a source would hold. */
function take(to: ControlPlane, present: Map<string, AnyObject>, one: Step): void {
  if (one.do === 'flush') to.store.flush();
  else if (one.object !== undefined) {
    const key = `${one.object.kind}/${objectKey(one.object)}`;
    if (one.do === 'set') {
      setObject(to.tables, one.object);
      present.set(key, one.object);
    } else {
      remove(to, one.object);
      present.delete(key);
    }
  }
}

describe('control plane, whatever the objects', () => {
  it('incremental equals rebuild, in whatever order objects arrive, and what is served refers to what is served', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), options, (all, random, given) => {
        const live = plane([], given);
        const present = new Map<string, AnyObject>();
        for (const one of all) take(live, present, one);
        live.store.flush();
        const order = [...present.values()]
          .map((object) => ({ object, at: random.next().value }))
          .sort((a, b) => a.at - b.at);
        const rebuilt = plane(
          order.map(({ object }) => object),
          given,
        );
        assert.deepEqual(snapshot(live), snapshot(rebuilt));
        checkClosed(live);
      }),
      { numRuns: 100 },
    );
  });

  it('a delta client ends with the snapshot, whatever it saw on the way', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const cache = new ResourceCache();
        // Tables of two hosts are cut up already: how they are depends on what came before.
        const live = plane([], { encode: { ...defaultEncodeOptions, bucketThreshold: 1, buckets: [2, 4] } });
        const feed = feedResources(live.resources, cache);
        feed.publish();
        const rig = await startRig({ cache });
        try {
          const client = rig.connect();
          for (const type of allTypes) client.subscribe(type, ['*']);
          const present = new Map<string, AnyObject>();
          for (const one of all) {
            take(live, present, one);
            if (one.do === 'flush') await rig.server.waitAcked(feed.publish());
          }
          live.store.flush();
          await client.until(() => client.log.length >= allTypes.length, 'a first answer of each type');
          await rig.server.waitAcked(feed.publish());
          const held = allTypes.flatMap((type) => [...(client.state.get(type)?.values() ?? [])]);
          checkClosed(live);
          assert.deepEqual(
            held.map(({ type, name, version }) => `${type} ${name} ${version}`).sort(),
            live.resources
              .flatMap((collection) => [...collection.values()])
              .map(({ type, name, version }) => `${type} ${name} ${version}`)
              .sort(),
          );
        } finally {
          await rig.close();
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** What a CiliumEnvoyConfig names and nobody has leads nowhere, and its owner is told. */
const told = /NotFound$|NotPermitted$|^InvalidSecret$|^AdminUnavailable$/;

/** Whatever a resource names is served too, but for the one name that nothing ever has. */
function checkClosed(of: ControlPlane): void {
  const served = new Set<string>();
  const resources = of.resources.flatMap((collection) => [...collection.values()]);
  for (const { type, name } of resources) {
    assert.ok(!served.has(`${type} ${name}`), `${type} ${name} twice`);
    served.add(`${type} ${name}`);
  }
  for (const resource of resources) {
    for (const { type, name } of referencesOf(resource)) {
      if (served.has(`${type} ${name}`) || isReserved(type, name)) continue;
      const reasons = resource.origins.flatMap((ref) =>
        of.diagnostics.flatMap((collection) => (collection.get(refKey(ref)) ?? []).map(({ reason }) => reason)),
      );
      assert.ok(
        reasons.some((reason) => told.test(reason)),
        `${resource.type} ${resource.name} names ${type} ${name}, which is not served`,
      );
    }
  }
}

function isReserved(type: ResourceType, name: string): boolean {
  return type === 'clusters' && name === missingCluster;
}
