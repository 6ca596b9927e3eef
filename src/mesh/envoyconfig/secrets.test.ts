import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rig } from './testing/rig.ts';

const tls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

function config(context: string, namespace = 'default'): string {
  return `
apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata: {name: a, namespace: ${namespace}}
spec:
  resources:
  - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
    name: l
    filter_chains:
    - filters: [{name: envoy.filters.network.echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]
      transport_socket: {name: envoy.transport_sockets.tls, typed_config: {"@type": ${tls}.DownstreamTlsContext, common_tls_context: {${context}}}}
---
`;
}
const certificate = (name: string) => `tls_certificate_sds_secret_configs: [{name: ${name}}]`;

describe('envoyconfig: secrets', () => {
  let folder: string;
  let secret: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
    const [key, crt] = [join(folder, 'key'), join(folder, 'crt')];
    const subject = ['-subj', '/CN=a.example', '-days', '2', '-keyout', key, '-out', crt];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject],
      {
        stdio: 'ignore',
      },
    );
    const [tlsKey, tlsCrt] = [key, crt].map((file) => readFileSync(file).toString('base64'));
    secret = `{apiVersion: v1, kind: Secret, type: kubernetes.io/tls, metadata: {name: web, namespace: default}, data: {tls.crt: ${tlsCrt}, tls.key: ${tlsKey}, ca.crt: ${tlsCrt}}}\n---\n`;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('serves a Secret of Kubernetes by SDS, under the name that Ingress and Gateway have for it', () => {
    const r = rig();
    r.add(secret + config(certificate('default/web')));
    assert.deepEqual(r.problems(), []);
    assert.deepEqual(
      [...r.secrets.values()].map((use) => use.secret.name),
      ['default/web'],
    );
    assert.match(JSON.stringify(r.decoded()['listeners/default/a/l']), /"name":"default\/web","sds_config":\{"ads"/);
  });

  it('takes a bundle to check clients with from ca.crt', () => {
    const r = rig();
    r.add(secret + config('validation_context_sds_secret_config: {name: default/web}'));
    assert.deepEqual(
      [...r.secrets.values()].map(({ secret: { name, type } }) => [name, type]),
      [['trust:Secret/default/web', 'trust']],
    );
  });

  it('is told of a Secret that is missing, and serves it when it comes', () => {
    const r = rig();
    r.add(config(certificate('default/web')));
    const field =
      'spec.resources[0].filter_chains[0].transport_socket.typed_config.common_tls_context.tls_certificate_sds_secret_configs[0].name';
    assert.deepEqual(r.problems(), [`SecretNotFound ${field}`]);
    r.add(secret);
    assert.deepEqual(r.problems(), []);
    assert.equal(r.secrets.size, 1);
  });

  it('has no way to Secrets of other namespaces', () => {
    const r = rig();
    r.add(secret + config(certificate('default/web'), 'other'));
    assert.match(r.problems().join(), /^SecretNotPermitted /);
    assert.equal(r.secrets.size, 0);
    assert.match(JSON.stringify(r.decoded()['listeners/other/a/l']), /"name":"other\/a\/default\/web"/);
  });
});
