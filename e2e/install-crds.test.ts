import assert from 'node:assert/strict';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseObject } from '../src/api/index.ts';
import { type KubeClient, KubeFault, pathOf } from '../src/kube/index.ts';
import type { CrdSource } from '../tools/manifests/crd.ts';
import { crds } from '../tools/manifests/crds.ts';
import { isBeyondSchema } from '../tools/manifests/testing/beyond-schema.ts';
import { samplesOf } from '../tools/manifests/testing/samples.ts';
import { useCluster } from './support/cluster-rig.ts';

const SAMPLES = 150;

describe('CRDs in a real API server', () => {
  const cluster = useCluster({ nodes: 1, cni: 'none', dns: false, proxy: 'none' });

  it('are taken as they are', async () => {
    const { kubectl } = cluster();
    const said = await kubectl('apply', '--server-side', '-k', join(import.meta.dirname, '../manifests/crds'));
    for (const source of crds) {
      assert.match(said, new RegExp(`/${source.plural}\\.cilium\\.io serverside-applied`));
      const name = `${source.plural}.cilium.io`;
      await cluster().waitFor('CustomResourceDefinition', name, 'is established', (found) => {
        const conditions = (found?.status as { conditions?: { type: string; status: string }[] })?.conditions;
        return conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
      });
    }
  });

  for (const source of crds)
    it(`${source.kind}: generated objects get the same answer from the API server as from the parser`, async () => {
      const { kube } = cluster();
      let accepted = 0;
      for (const object of fc.sample(samplesOf(source), SAMPLES)) {
        const refused = await refusal(kube, source, object);
        const parsed = parseObject(object).diagnostics.filter(({ severity }) => severity === 'error');
        if (parsed.length > 0 && parsed.every(({ message, hint }) => isBeyondSchema(`${message}; ${hint}`))) continue;
        if (refused === undefined) accepted++;
        const said = parsed.map(({ message }) => message);
        assert.equal(refused !== undefined, said.length > 0, JSON.stringify({ object, refused, said }, null, 1));
      }
      assert.ok(accepted > SAMPLES / 20, `only ${accepted} of ${SAMPLES} objects were right`);
    });

  it('keep every field that they describe: nothing is pruned', async () => {
    const { kube } = cluster();
    const spec = {
      services: [{ name: 'a', namespace: 'default', listener: 'l', ports: [80] }],
      backendServices: [{ name: 'b', namespace: 'other', number: ['80', 'http'] }],
      resources: [
        { '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: 'l', filter_chains: [{ a: 1 }] },
      ],
      nodeSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }], matchLabels: { c: 'd' } },
    };
    const body = { apiVersion: 'cilium.io/v2', kind: 'CiliumEnvoyConfig', metadata: { name: 'all' }, spec };
    const path = pathOf('CiliumEnvoyConfig', { namespace: 'default' });
    const stored = await kube.request<{ spec: unknown }>({
      method: 'POST',
      path,
      body,
      query: { fieldValidation: 'Strict' },
    });
    assert.deepEqual(stored.spec, spec);
  });

  it('show what matters in a list', async () => {
    const { kubectl, apply } = cluster();
    await apply(JSON.stringify(pool));
    const [head = '', row = ''] = (await kubectl('get', 'ippools')).split('\n');
    assert.match(head, /^NAME +DISABLED +CONFLICTING +IPS AVAILABLE +AGE$/);
    assert.match(row, /^blue +true +/);
    assert.match(await kubectl('explain', 'ciliumloadbalancerippools.spec.blocks'), /Networks and ranges of addresses/);
  });
});

const pool = {
  apiVersion: 'cilium.io/v2alpha1',
  kind: 'CiliumLoadBalancerIPPool',
  metadata: { name: 'blue' },
  spec: { disabled: true, blocks: [{ cidr: '10.1.0.0/24' }, { start: '10.2.0.1', stop: '10.2.0.9' }] },
};

/** What a create is answered that changes nothing and is strict about fields, as kubectl is. */
async function refusal(
  kube: KubeClient,
  source: CrdSource,
  object: Record<string, unknown>,
): Promise<string | undefined> {
  const version = String(object.apiVersion).split('/')[1] ?? '';
  const path = pathOf(source.kind, { version, ...(source.namespaced ? { namespace: 'default' } : {}) });
  const query = { dryRun: 'All', fieldValidation: 'Strict' };
  try {
    await kube.request({ method: 'POST', path, query, body: object });
    return undefined;
  } catch (error) {
    if (error instanceof KubeFault && (error.status === 422 || error.status === 400)) return error.message;
    throw error;
  }
}
