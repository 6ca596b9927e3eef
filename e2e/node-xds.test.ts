import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { findEnvoy } from '../src/proxy/index.ts';
import { documents, ingress, service, tlsSecret } from './support/kubernetes.ts';
import { fetchHost } from './support/mesh-rig.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { type Program, startProgram } from './support/program.ts';
import { freePort, startBackend, temporaryDir } from './support/proxy-rig.ts';
import { until } from './support/until.ts';
import { ask, type Certificate, certificate } from './support/xds-rig.ts';

describe('sluice run: xDS for other Envoys, and who gets at it', () => {
  const pki = temporaryDir();
  const at = (name: string) => join(pki.path, name);
  let node: NodeRig;
  let backend: { server: Server; port: number };
  let xdsPort: number;
  let shop: Certificate;

  before(async () => {
    authority();
    for (const name of ['xds.test', 'client.test']) certificate(pki.path, name, 'ca.test');
    certificate(pki.path, 'stranger.test');
    shop = certificate(join(pki.path, 'shop'), 'shop.test');
    backend = await startBackend((_, response) => response.end('hello'));
    xdsPort = await freePort();
    node = await startNodeRig({
      files: {
        'shop.yaml': documents(
          ingress('plain', 'plain.test', 'web'),
          ingress('shop', 'shop.test', 'web', { extra: '  tls: [{hosts: [shop.test], secretName: shop}]' }),
          service('web', [backend.port]),
          tlsSecret('shop', shop.cert, shop.key),
        ),
      },
      args: () => [
        ...['--xds-address', `127.0.0.1:${xdsPort}`, '--log-level', 'debug'],
        ...['--xds-cert', at('xds.test.crt'), '--xds-key', at('xds.test.key'), '--xds-ca', at('ca.test.crt')],
      ],
    });
    await node.served('plain.test');
  });
  after(async () => {
    await node?.stop();
    backend?.server.close();
    pki[Symbol.dispose]();
  });

  /** What signs the others has to say that it may. */
  function authority(): void {
    const files = ['-keyout', at('ca.test.key'), '-out', at('ca.test.crt'), '-subj', '/CN=ca.test'];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...files], { stdio: 'pipe' });
  }

  /** A bootstrap as an operator writes it by hand, for an Envoy of another network namespace or machine. */
  function bootstrap(apiType: 'DELTA_GRPC' | 'GRPC'): string {
    return `
node: {id: ${apiType.toLowerCase()}, cluster: hand}
dynamic_resources:
  ads_config:
    api_type: ${apiType}
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: control}}]
  lds_config: {resource_api_version: V3, ads: {}}
  cds_config: {resource_api_version: V3, ads: {}}
layered_runtime:
  layers: [{name: static, static_layer: {re2.max_program_size.error_level: 131072}}]
static_resources:
  clusters:
  - name: control
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: control
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${xdsPort}}}}}]}]
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: xds.test
        common_tls_context:
          tls_certificates:
          - {certificate_chain: {filename: ${at('client.test.crt')}}, private_key: {filename: ${at('client.test.key')}}}
          validation_context:
            trusted_ca: {filename: ${at('ca.test.crt')}}
            match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: xds.test}}]
`;
  }

  for (const [protocol, apiType] of [
    ['delta', 'DELTA_GRPC'],
    ['sotw', 'GRPC'],
  ] as const) {
    it(`an Envoy with a client certificate gets the same by ${protocol}`, async () => {
      const config = at(`${apiType}.yaml`);
      writeFileSync(config, bootstrap(apiType));
      // The node's own Envoy holds the ports: this one shares them (SO_REUSEPORT), and then has them alone.
      const envoy: Program = await startProgram(
        (await findEnvoy()).path,
        ['--config-path', config, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'info'],
        /all dependencies initialized. starting workers/,
      );
      try {
        const stream = await until('its stream', async () =>
          (await node.status()).xds.find((each) => each.node === apiType.toLowerCase()),
        );
        assert.equal(stream.protocol, protocol);
        assert.deepEqual(
          Object.entries(stream.types).flatMap(([, type]) => type.rejected),
          [],
        );
        // The one that holds ports while its control plane's own is down can only be this one.
        const own = (await node.status()).envoy.pid ?? 0;
        process.kill(own, 'SIGSTOP');
        try {
          await until('answers of the other Envoy alone', async () => {
            const replies = await Promise.race([
              Promise.all([
                fetchHost({ address: '127.0.0.1', port: node.ports.http }, 'plain.test'),
                ask(node.ports.https, 'shop.test'),
              ]),
              delay(1000, undefined),
            ]);
            return replies?.[0].status === 200 && replies[1].status === 200 && replies[1].certificate === 'shop.test';
          });
        } finally {
          process.kill(own, 'SIGCONT');
        }
        node.write('more.yaml', ingress('more', 'more.test', 'web'));
        await node.served('more.test');
        await until('the change to be accepted', async () => {
          const streams = (await node.status()).xds;
          return streams.length === 2 && streams.every(({ types }) => (types.routes?.unanswered ?? 1) === 0);
        });
        node.remove('more.yaml');
      } finally {
        await envoy.stop();
      }
      await until('its stream to be gone', async () => (await node.status()).xds.length === 1);
      await node.served('plain.test');
    });
  }

  it('refuses a client without a certificate, or with a stranger’s', async () => {
    const attempt = (name?: string) =>
      new Promise<string>((resolve) => {
        const read = (path: string) => execFileSync('cat', [path]);
        const socket = connect({
          ...{ host: '127.0.0.1', port: xdsPort, servername: 'xds.test', ca: read(at('ca.test.crt')) },
          ALPNProtocols: ['h2'],
          ...(name === undefined ? {} : { cert: read(at(`${name}.crt`)), key: read(at(`${name}.key`)) }),
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        socket.on('close', () => resolve('closed'));
        // In TLS 1.3 the client is done before the server has looked at its certificate: the first bytes tell.
        socket.on('data', () => resolve('served'));
      });
    assert.match(await attempt(), /CERTIFICATE_REQUIRED|closed|ECONNRESET/);
    assert.match(await attempt('stranger.test'), /UNKNOWN_CA|closed|ECONNRESET|BAD_CERTIFICATE|DECRYPT/);
    assert.equal(await attempt('client.test'), 'served');
  });

  it('is not served over TCP without all three files', async () => {
    const port = await freePort();
    await assert.rejects(
      startNodeRig({ args: () => ['--xds-address', `127.0.0.1:${port}`, '--xds-cert', at('xds.test.crt')] }),
      /XDS_TLS/,
    );
    // Nothing was left listening there.
    const server = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    server.close();
  });

  it('keeps its directory and its sockets to their owner', () => {
    assert.equal(statSync(node.stateDir).mode & 0o777, 0o700);
    const sockets = readdirSync(node.stateDir).filter((name) => statSync(join(node.stateDir, name)).isSocket());
    assert.deepEqual(sockets.sort(), ['admin.sock', 'agent.sock', 'xds.sock']);
    for (const name of readdirSync(node.stateDir))
      assert.equal(statSync(join(node.stateDir, name)).mode & 0o077, 0, `${name} is open to others`);
  });

  it('shows no private key: not in logs, status, metrics or what translate prints', async () => {
    const cli = join(import.meta.dirname, '../src/cli/main.ts');
    const run = (...args: string[]) => execFileSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
    const secrets = [shop.key.toString('base64'), ...shop.key.toString().split('\n').slice(1, -2)];
    const shown: Record<string, string> = {
      log: node.program.stderr(),
      output: node.program.stdout(),
      status: JSON.stringify(await node.status()),
      metrics: await (await fetch(`http://127.0.0.1:${node.ports.metrics}/metrics`)).text(),
      json: run('translate', node.folder, '-o', 'json'),
      yaml: run('translate', node.folder, '-o', 'yaml', '--type', 'secrets'),
      cec: run('translate', node.folder, '-o', 'cec'),
    };
    assert.match(shown.yaml ?? '', /default\/shop/);
    for (const [where, text] of Object.entries(shown)) {
      assert.ok(text.length > 0, where);
      for (const secret of secrets) assert.ok(!text.includes(secret), `${where} shows the key`);
      assert.doesNotMatch(text, /PRIVATE KEY-----\s*[A-Za-z0-9+/]/, where);
    }
  });
});
