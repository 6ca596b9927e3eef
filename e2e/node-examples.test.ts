import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, credentials, Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { echoBackend, type Seen } from './support/gateway-rig.ts';
import { tlsSecret } from './support/kubernetes.ts';
import { fetchHost, type Reply } from './support/mesh-rig.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { until } from './support/until.ts';
import { certificate } from './support/xds-rig.ts';

const examples = join(import.meta.dirname, '../../shared/inputs/cilium-examples/kubernetes');

interface GrpcEcho {
  readonly port: number;
  stop(): void;
}

const bytes = (buffer: Buffer): Buffer => buffer;

/** Answers each of these methods with its own name. */
async function grpcBackend(methods: readonly string[]): Promise<GrpcEcho> {
  const server = new GrpcServer();
  for (const method of methods) {
    const [, name = ''] = /\/(\w+)$/.exec(method) ?? [];
    const types = { requestSerialize: bytes, requestDeserialize: bytes };
    server.addService(
      {
        [name]: {
          path: method,
          requestStream: false,
          responseStream: false,
          ...types,
          responseSerialize: bytes,
          responseDeserialize: bytes,
        },
      },
      { [name]: (_call: unknown, reply: (error: null, answer: Buffer) => void) => reply(null, Buffer.from(method)) },
    );
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { port, stop: () => server.forceShutdown() };
}

describe("sluice run: Cilium's own examples", () => {
  const echoes = new Map<string, { server: Server; port: number }>();
  let grpc: GrpcEcho;
  const seen: Seen[] = [];

  before(async () => {
    assert.ok(existsSync(examples), `${examples} is missing: the examples of Cilium's repository belong there`);
    for (const name of [
      'details',
      'productpage',
      'exactpath',
      'prefixpath',
      'prefixpath2',
      'implpath',
      'implpath2',
      'echo-1',
      'echo-2',
      'echo-service',
      'helloworld',
      'helloworld-v1',
      'helloworld-v2',
    ])
      echoes.set(name, await echoBackend(name, seen));
    grpc = await grpcBackend([
      '/hipstershop.ProductCatalogService/ListProducts',
      '/hipstershop.CurrencyService/Convert',
      '/yages.Echo/Ping',
    ]);
  });
  after(() => {
    for (const { server } of echoes.values()) server.close();
    grpc?.stop();
  });

  const example = (name: string): string => readFileSync(join(examples, name), 'utf8');
  const portOf = (name: string): number => echoes.get(name)?.port ?? grpc.port;

  /** In place of the Pods that a cluster would run: an EndpointSlice. */
  const slice = (name: string, portName = ''): string => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-local, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: "${portName}", port: ${portOf(name)}}]
endpoints: [{addresses: [127.0.0.1]}]
`;

  /** In place of the demo applications that the examples refer to. */
  const application = (name: string, port: number, appProtocol = ''): string =>
    `${slice(name)}---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{port: ${port}${appProtocol}}]}
`;

  const h2c = ', appProtocol: kubernetes.io/h2c';
  const bookinfo = () => application('details', 9080) + application('productpage', 9080);
  const shop = () => application('productcatalogservice', 3550, h2c) + application('currencyservice', 7000, h2c);

  function call(to: string, method: string, authority: string): Promise<string> {
    const client = new Client(to, credentials.createInsecure(), { 'grpc.default_authority': authority });
    return new Promise<string>((resolve, reject) =>
      client.makeUnaryRequest(
        method,
        bytes,
        bytes,
        Buffer.alloc(0),
        { deadline: Date.now() + 5000 },
        (error, answer) => (error ? reject(error) : resolve(String(answer))),
      ),
    ).finally(() => client.close());
  }

  function overTls(address: string, port: number, host: string, path: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const options = { host: address, port, path, headers: { host }, servername: host, agent: false as const };
      request({ ...options, rejectUnauthorized: false }, async (response) => {
        let body = '';
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      })
        .on('error', reject)
        .end();
    });
  }

  const by = ({ status, body }: Reply): string => (status === 200 ? (JSON.parse(body) as Seen).backend : `${status}`);

  describe('Ingress', () => {
    let node: NodeRig;
    before(async () => {
      node = await startNodeRig({
        files: {
          'basic-ingress.yaml': example('servicemesh/basic-ingress.yaml'),
          'path-types.yaml': example('servicemesh/ingress-path-types.yaml'),
          'path-types-ingress.yaml': example('servicemesh/ingress-path-types-ingress.yaml'),
          'tls-ingress.yaml': example('servicemesh/tls-ingress.yaml'),
          'grpc-ingress.yaml': example('servicemesh/grpc-ingress.yaml'),
          'paths.yaml': ['exactpath', 'prefixpath', 'prefixpath2', 'implpath', 'implpath2']
            .map((name) => slice(name))
            .join(''),
          'applications.yaml': bookinfo() + shop(),
        },
      });
      const demo = certificate(join(node.dir, 'pki'), 'bookinfo.cilium.rocks');
      node.write('demo-cert.yaml', tlsSecret('demo-cert', demo.cert, demo.key));
      await node.served('any.test', 200, '/details');
    });
    after(() => node?.stop());

    it('is right as it stands', async () => {
      await node.resolved('SecretNotFound');
      const wrong = (await node.status()).diagnostics.filter(({ severity }) => severity === 'error');
      assert.deepEqual(wrong, []);
    });

    it('basic-ingress', async () => {
      assert.equal(by(await node.get('any.test', '/details/1')), 'details');
      assert.equal(by(await node.get('any.test', '/productpage')), 'productpage');
      assert.equal(by(await node.get('any.test', '/detailsmore')), 'productpage');
    });

    for (const [path, backend] of [
      ['/exact', 'exactpath'],
      ['/exact/', 'prefixpath'],
      ['/', 'prefixpath'],
      ['/anything', 'prefixpath'],
      ['/prefix', 'prefixpath2'],
      ['/prefix/deeper', 'prefixpath2'],
      ['/prefixed', 'prefixpath'],
      ['/impl', 'implpath'],
      ['/implementation', 'implpath2'],
    ] as const) {
      it(`ingress-path-types: ${path} is for ${backend}`, async () => {
        assert.equal(by(await node.get('pathtypes.example.com', path)), backend);
      });
    }

    it('tls-ingress', async () => {
      const { https } = node.ports;
      const asked = () => overTls('127.0.0.1', https, 'bookinfo.cilium.rocks', '/details');
      await until('TLS', () =>
        asked().then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
      assert.equal(by(await asked()), 'details');
      assert.equal(by(await overTls('127.0.0.1', https, 'bookinfo.cilium.rocks', '/')), 'productpage');
      const { status, headers } = await node.get('bookinfo.cilium.rocks', '/details');
      assert.equal(status, 301);
      assert.equal(headers.location, `https://bookinfo.cilium.rocks:${https}/details`);
    });

    it('grpc-ingress, by real gRPC', async () => {
      for (const method of ['/hipstershop.ProductCatalogService/ListProducts', '/hipstershop.CurrencyService/Convert'])
        assert.equal(await call(`127.0.0.1:${node.ports.http}`, method, 'any.test'), method);
    });
  });

  describe('Gateway', () => {
    let node: NodeRig;
    /** Of its own, so that ports 80 and 443 are free there; a second Gateway gets the address after it. */
    const address = '127.94.17.1';
    const start = async (...names: readonly string[]): Promise<NodeRig> => {
      const files = Object.fromEntries(names.map((name) => [name, example(`gateway/${name}`)]));
      const more = {
        'applications.yaml': bookinfo() + shop(),
        'slices.yaml': slice('echo-1', 'high') + slice('echo-2', 'high') + slice('grpc-echo'),
      };
      node = await startNodeRig({ files: { ...files, ...more }, args: () => ['--address', address] });
      const demo = certificate(join(node.dir, 'pki'), 'cilium.rocks');
      node.write('demo-cert.yaml', tlsSecret('demo-cert', demo.cert, demo.key));
      await node.resolved('SecretNotFound');
      return node;
    };
    afterEach(() => node?.stop());

    const get = (host: string, path: string, headers: Record<string, string> = {}) =>
      fetchHost({ address, port: 80 }, host, path, headers);
    const servedBy = (asked: () => Promise<Reply>, backend: string) =>
      until(`an answer of ${backend}`, () =>
        asked().then(
          (reply) => by(reply) === backend,
          () => false,
        ),
      );

    it('basic-http', async () => {
      await start('basic-http.yaml');
      await servedBy(() => get('any.test', '/details'), 'details');
      assert.equal(by(await get('any.test', '/?great=example', { magic: 'foo' })), 'productpage');
      assert.equal((await get('any.test', '/?great=example')).status, 404);
      assert.equal((await get('any.test', '/', { magic: 'foo' })).status, 404);
    });

    it('basic-https', async () => {
      await start('basic-https.yaml');
      await servedBy(() => overTls(address, 443, 'bookinfo.cilium.rocks', '/details'), 'details');
      assert.equal((await overTls(address, 443, 'bookinfo.cilium.rocks', '/')).status, 404);
      assert.equal(by(await overTls(address, 443, 'hipstershop.cilium.rocks', '/')), 'productpage');
      await assert.rejects(overTls(address, 443, 'other.cilium.rocks', '/'));
    });

    it('splitting, and request-header on the same Gateway', async () => {
      const both = await start('splitting.yaml', 'echo.yaml');
      await servedBy(() => get('any.test', '/echo'), 'echo-2');
      const counts: Record<string, number> = {};
      for (let i = 0; i < 100; i++) {
        const backend = by(await get('any.test', '/echo'));
        counts[backend] = (counts[backend] ?? 0) + 1;
      }
      assert.deepEqual(Object.keys(counts).sort(), ['echo-1', 'echo-2'], JSON.stringify(counts));
      // Both examples define the Gateway alike: their routes share it.
      const [, route = ''] = example('gateway/request-header.yaml').split(/^---\n(?=.*\nkind: HTTPRoute)/m);
      both.write('request-header.yaml', route);
      await servedBy(() => get('any.test', '/add-a-request-header'), 'echo-1');
      const { headers } = JSON.parse((await get('any.test', '/add-a-request-header')).body) as Seen;
      assert.equal(headers['my-header-name'], 'my-header-value');
      assert.equal((await get('any.test', '/other')).status, 404);
    });

    it('grpc-route, by real gRPC', async () => {
      await start('grpc-route.yaml');
      const ping = (authority: string) => call(`${address}:80`, '/yages.Echo/Ping', authority);
      await until('an answer', () => ping('my-grpc-service.foo.com').catch(() => undefined));
      assert.equal(await ping('my-grpc-service.foo.com'), '/yages.Echo/Ping');
      await assert.rejects(ping('other.foo.com'), /UNIMPLEMENTED/);
    });

    it('tls-migration', async () => {
      await start('tls-migration.yaml');
      await servedBy(() => overTls(address, 443, 'bookinfo.cilium.rocks', '/details'), 'details');
      assert.equal(by(await overTls(address, 443, 'bookinfo.cilium.rocks', '/')), 'productpage');
      assert.equal(by(await get('bookinfo.cilium.rocks', '/details')), 'details');
      const method = '/hipstershop.CurrencyService/Convert';
      assert.equal(await call(`${address}:80`, method, 'hipstershop.cilium.rocks'), method);
      assert.equal((await get('hipstershop.cilium.rocks', '/details')).status, 404);
    });
  });

  it('CiliumEnvoyConfigs: a circuit breaker and a weighted split, each on a port that it is given', async () => {
    const node = await startNodeRig({
      files: {
        'circuit-breaker.yaml': example('servicemesh/envoy/envoy-circuit-breaker.yaml'),
        'helloworld.yaml': example('servicemesh/envoy/envoy-helloworld-v1-90-v2-10.yaml'),
        'services.yaml': ['echo-service', 'helloworld', 'helloworld-v1', 'helloworld-v2']
          .map((name) => application(name, 8080))
          .join(''),
      },
    });
    try {
      assert.deepEqual((await node.status()).diagnostics, []);
      const listeners = await until('two listeners', async () => {
        const { stdout } = await promisify(execFile)('curl', [
          ...['-s', '--unix-socket', join(node.stateDir, 'admin.sock'), 'http://envoy/listeners'],
        ]);
        const all = [...stdout.matchAll(/^(\S+)::127\.0\.0\.1:(\d+)$/gm)].map(
          ([, name = '', port]) => [name, Number(port)] as const,
        );
        return all.filter(([name]) => name.includes('envoy-')).length === 2 ? new Map(all) : undefined;
      });
      const portFor = (part: string): number => [...listeners].find(([name]) => name.includes(part))?.[1] ?? 0;
      const at = async (port: number) => by(await fetchHost({ address: '127.0.0.1', port }, 'any.test'));
      await until('the split', () =>
        at(portFor('default/envoy-lb')).then(
          (name) => name.startsWith('helloworld-v'),
          () => false,
        ),
      );
      const counts: Record<string, number> = {};
      for (let i = 0; i < 200; i++) {
        const name = await at(portFor('default/envoy-lb'));
        counts[name] = (counts[name] ?? 0) + 1;
      }
      assert.deepEqual(Object.keys(counts).sort(), ['helloworld-v1', 'helloworld-v2']);
      assert.ok((counts['helloworld-v1'] ?? 0) > 150, JSON.stringify(counts));
      assert.equal(await at(portFor('circuit-breaker')), 'echo-service');
    } finally {
      await node.stop();
    }
  });
});
