import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { dump } from 'js-yaml';
import type { JsonObject, ObjectRef } from '../../api/index.ts';
import { SecretSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { makeResource } from '../envoy/make-resource.ts';
import { ownedResources, toCiliumEnvoyConfig } from './index.ts';
import { namePrefix } from './names.ts';
import { rig } from './testing/rig.ts';

const examples = join(import.meta.dirname, '../../../../shared/inputs/cilium-examples/kubernetes/servicemesh/envoy');
const read = (folder: string, file: string) => readFileSync(join(folder, file), 'utf8');

/** Resources as JSON under names without the object's prefix: what "the same but for names" compares. */
function relative(r: ReturnType<typeof rig>, prefix: string): unknown {
  return JSON.parse(JSON.stringify(r.decoded()).replaceAll(prefix, ''));
}

describe('envoyconfig: the way back', () => {
  const files = readdirSync(examples).filter((file) => /EnvoyConfig/.test(read(examples, file)));
  const cases = [
    ...files.map((file) => [file, read(examples, file)] as const),
    ['split', read(join(import.meta.dirname, 'testdata'), 'split.in.yaml')] as const,
  ];
  for (const [name, text] of cases)
    it(`${name}: to resources, to an object, to the same resources`, () => {
      const first = rig({ adminSocketPath: '/a' });
      first.add(text);
      const owner = [...first.resources.values()][0]?.origins[0] as ObjectRef;
      const resources = ownedResources(first.resources.values(), owner).filter(({ name }) => name !== '/envoy-admin');
      const [given] = [
        ...first.tables.CiliumEnvoyConfig.values(),
        ...first.tables.CiliumClusterwideEnvoyConfig.values(),
      ];
      const object = toCiliumEnvoyConfig(resources, owner, given?.spec);
      const prefix = namePrefix(owner.namespace, owner.name);
      assert.ok(!JSON.stringify(object).includes(`"${prefix}`), 'names are relative');
      const second = rig({ adminSocketPath: '/a' });
      second.add(
        text
          .replaceAll(/kind: Cilium\w*EnvoyConfig/g, 'kind: Ignored')
          .replaceAll('apiVersion: cilium.io/v2', 'apiVersion: x/v1'),
      );
      second.add(dump(object));
      assert.deepEqual(second.parsing, []);
      assert.deepEqual(relative(second, prefix), relative(first, prefix));
    });

  it('never shows key material', () => {
    const secret = create(SecretSchema, {
      name: 'default/web',
      type: { case: 'tlsCertificate', value: { privateKey: { specifier: { case: 'inlineString', value: 'KEY' } } } },
    });
    const object = toCiliumEnvoyConfig([makeResource('secrets', 'default/web', SecretSchema, secret, [])], owner);
    assert.deepEqual((object.spec as JsonObject).resources, []);

    const tls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
    const r = rig();
    r.add(`
apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata: {name: a}
spec:
  resources:
  - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
    name: l
    filter_chains:
    - filters: [{name: envoy.filters.network.echo}]
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config: {"@type": ${tls}, common_tls_context: {tls_certificates: [{certificate_chain: {inline_string: CERT}, private_key: {inline_string: KEY}}]}}
`);
    const text = JSON.stringify(toCiliumEnvoyConfig([...r.resources.values()], owner));
    assert.ok(text.includes('CERT') && !text.includes('KEY'));
  });
});

const owner: ObjectRef = { group: 'networking.k8s.io', kind: 'Ingress', namespace: 'default', name: 'shop' };
