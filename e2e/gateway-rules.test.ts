import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Server as GrpcServer, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { ask, echoBackend, type GatewayRig, localService, type Seen, serveGateway } from './support/gateway-rig.ts';
import { freePort, startBackend } from './support/proxy-rig.ts';

const pem = (name: string) =>
  readFileSync(new URL(`../src/mesh/gateway/testdata/certs/${name}`, import.meta.url), 'utf8');

const route = (name: string, rules: string, host = 'example.com') => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec: {parentRefs: [{name: gw}], hostnames: [${host}], rules: [${rules}]}
`;
const to = (...names: string[]) => `backendRefs: [${names.map((name) => `{name: ${name}, port: 80}`).join(', ')}]`;
const at = (path: string, type = 'PathPrefix') => `matches: [{path: {type: ${type}, value: "${path}"}}]`;
const rewriteTo = (value: string) =>
  `{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: "${value}"}}}`;
const modify = (kind: 'request' | 'response', changes: string) =>
  `{type: ${kind === 'request' ? 'Request' : 'Response'}HeaderModifier, ${kind}HeaderModifier: ${changes}}`;

/** Gateway API, HTTPPathModifier.replacePrefixMatch: path asked for, prefix matched, replacement, path that arrives. */
const replacements = [
  ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
  ['/foo', '/foo', '/xyz', '/xyz'],
  ['/foo/', '/foo', '/xyz', '/xyz/'],
  ['/foo/bar', '/foo', '', '/bar'],
  ['/foo/', '/foo', '', '/'],
  ['/foo', '/foo', '', '/'],
  ['/foo/', '/foo', '/', '/'],
  ['/foo', '/foo', '/', '/'],
] as const;

describe('Gateway API rules in Envoy', () => {
  let rig: GatewayRig;
  let port: number;
  const seen: Seen[] = [];
  const servers: Server[] = [];
  let grpc: GrpcServer;

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: string) =>
    ask(port, path, { method, headers: { host: 'example.com', ...headers }, ...(body === undefined ? {} : { body }) });

  before(async () => {
    port = await freePort();
    const ports: Record<string, number> = {};
    for (const name of ['a', 'b', 'c']) {
      const { server, port: backendPort } = await echoBackend(name, seen);
      servers.push(server);
      ports[name] = backendPort;
    }
    const { server: auth, port: authPort } = await authorizer();
    grpc = new GrpcServer();
    const grpcPort = await grpcAuthorizer(grpc);
    const { server: secure, port: securePort } = await tlsBackend();
    servers.push(auth, secure as unknown as Server);
    rig = await serveGateway(
      [
        `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: cilium
  addresses: [{type: IPAddress, value: 127.0.0.1}]
  listeners: [{name: http, port: ${port}, protocol: HTTP}]
  tls: {backend: {clientCertificateRef: {name: id}}}
---
apiVersion: v1
kind: Secret
metadata: {name: id}
type: kubernetes.io/tls
stringData: {tls.crt: ${JSON.stringify(pem('client.crt'))}, tls.key: ${JSON.stringify(pem('client.key'))}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data: {ca.crt: ${JSON.stringify(pem('shop.crt'))}}
`,
        ...['a', 'b', 'c'].map((name) => localService(name, [ports[name] as number])),
        localService('both', [ports.a as number, ports.b as number]),
        localService('auth', [authPort]),
        localService('auth-grpc', [grpcPort]),
        ...['secure', 'other-name', 'broken'].map((name) => localService(name, [securePort])),
        policy('secure', 'hostname: shop.example.com'),
        policy('other-name', 'hostname: wrong.example.com'),
        policy('broken', 'hostname: shop.example.com', 'gone'),
        route(
          'filters',
          [
            `{${at('/headers')}, filters: [${modify('request', '{set: [{name: x-set, value: "100%"}], add: [{name: x-add, value: b}], remove: [x-gone]}')}, ${modify('response', '{set: [{name: x-multi, value: rule}]}')}], ${to('a')}}`,
            `{${at('/own-headers')}, filters: [${modify('request', '{set: [{name: x-set, value: rule}]}')}], backendRefs: [{name: a, port: 80, filters: [${modify('request', '{set: [{name: x-set, value: backend}]}')}]}]}`,
            `{${at('/host')}, filters: [{type: URLRewrite, urlRewrite: {hostname: other.example}}], ${to('a')}}`,
            `{${at('/set-host')}, filters: [${modify('request', '{set: [{name: Host, value: third.example}]}')}], ${to('a')}}`,
            `{${at('/full')}, filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /all}}}], ${to('a')}}`,
            `{${at('/mirror')}, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}}}, {type: RequestMirror, requestMirror: {backendRef: {name: c, port: 80}}}], ${to('a')}}`,
            `{${at('/extension')}, filters: [{type: ExtensionRef, extensionRef: {group: x.example, kind: K, name: n}}], ${to('a')}}`,
            `{${at('/redirect')}, filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: to.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /there}, statusCode: 308}}]}`,
            `{${at('/nothing')}}`,
            `{${at('/half')}, ${to('a', 'gone')}}`,
            `{${at('/timeout')}, timeouts: {request: 100ms}, ${to('a')}}`,
            `{${at('/retry')}, retry: {attempts: 1, codes: [503], backoff: 1ms}, ${to('a')}}`,
            `{${at('/session')}, sessionPersistence: {cookie: {name: stick}}, ${to('both')}}`,
          ].join(', '),
        ),
        ...replacements.map(([, prefix, value], i) =>
          route(`rewrite-${i}`, `{${at(prefix)}, filters: [${rewriteTo(value)}], ${to('a')}}`, `rewrite-${i}.example`),
        ),
        route(
          'cors',
          [
            `{matches: [{method: PUT, path: {value: /cors}}], filters: [{type: CORS, cors: {allowOrigins: ["https://*.a.example"], allowMethods: [PUT], allowHeaders: [x-h], maxAge: 60}}], ${to('a')}}`,
            `{${at('/any')}, filters: [{type: CORS, cors: {allowOrigins: ["*"], allowMethods: ["*"], allowHeaders: ["*"], allowCredentials: true}}], ${to('a')}}`,
          ].join(', '),
          'cors.example',
        ),
        route(
          'auth',
          [
            `{${at('/http')}, filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}, http: {path: /check, allowedHeaders: [x-token]}, forwardBody: {maxSize: 10}}}], ${to('a')}}`,
            `{${at('/grpc')}, filters: [{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: auth-grpc, port: 80}, grpc: {}}}], ${to('a')}}`,
            `{${at('/redirect')}, filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}, http: {}}}, {type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /in}}}]}`,
            `{${at('/down')}, filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: gone, port: 80}, http: {}}}], ${to('a')}}`,
            `{${at('/open')}, ${to('a')}}`,
          ].join(', '),
          'auth.example',
        ),
        route(
          'tls',
          ['secure', 'other-name', 'broken'].map((name) => `{${at(`/${name}`)}, ${to(name)}}`).join(', '),
          'tls.example',
        ),
        `
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: grpc}
spec:
  parentRefs: [{name: gw}]
  hostnames: [grpc.example]
  rules:
  - matches: [{method: {service: shop.Cart, method: Add}}]
    backendRefs: [{name: gone, port: 80}]
`,
        route('beside-grpc', `{${to('a')}}`, 'grpc.example'),
      ].join('\n---\n'),
    );
  });
  beforeEach(() => {
    seen.length = 0;
  });
  after(async () => {
    await rig?.stop();
    grpc?.forceShutdown();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('is taken by Envoy as it is', () => {
    assert.deepEqual(rig.ads.rejections, []);
  });

  it('changes headers', async () => {
    const { seen: one, headers } = await get('/headers', { 'x-gone': 'x', 'x-add': 'a', 'x-set': 'c' });
    assert.equal(one.headers['x-set'], '100%');
    assert.match(one.headers['x-add'] as string, /^a, ?b$/);
    assert.equal(one.headers['x-gone'], undefined);
    assert.equal(headers['x-multi'], 'rule');
    assert.equal((await get('/own-headers')).seen.headers['x-set'], 'backend');
  });

  it('rewrites hosts and whole paths', async () => {
    assert.equal((await get('/host')).seen.headers.host, 'other.example');
    assert.equal((await get('/set-host')).seen.headers.host, 'third.example');
    assert.equal((await get('/full/x?q=1')).seen.path, '/all?q=1');
  });

  for (const [i, [asked, prefix, value, arrives]] of replacements.entries())
    it(`rewrites ${asked}: prefix ${prefix} by "${value}" gives ${arrives}`, async () => {
      assert.equal((await get(asked, { host: `rewrite-${i}.example` })).seen.path, arrives);
    });

  it('redirects', async () => {
    const { status, headers } = await get('/redirect/x?q=1');
    assert.deepEqual([status, headers.location], [308, 'https://to.example/there/x?q=1']);
  });

  it('mirrors to every mirror', async () => {
    assert.equal((await get('/mirror')).seen.backend, 'a');
    while (seen.length < 3) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(seen.map(({ backend }) => backend).sort(), ['a', 'b', 'c']);
  });

  it('answers 500 for filters that are not known, for no backends, and for the share of one that is missing', async () => {
    assert.equal((await get('/extension')).status, 500);
    assert.equal((await get('/nothing')).status, 500);
    const statuses = new Map<number, number>();
    for (let i = 0; i < 100; i++) {
      const { status } = await get('/half');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual([...statuses.keys()].sort(), [200, 500]);
  });

  it('times out, and tries again', async () => {
    assert.equal((await get('/timeout?hang')).status, 504);
    assert.equal((await get('/retry?status=503&id=1')).status, 200);
    assert.equal((await get('/retry?status=502&id=2')).status, 502);
    assert.equal(seen.filter(({ path }) => path.startsWith('/retry?status=503')).length, 2);
  });

  it('keeps a session with the endpoint that began it', async () => {
    const first = await get('/session');
    const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
    assert.match(cookie, /^stick=/);
    const backends = new Set<string>();
    for (let i = 0; i < 20; i++) backends.add((await get('/session', { cookie })).seen.backend);
    assert.deepEqual([...backends], [first.seen.backend]);
  });

  it('answers CORS preflights itself, also where the rule is for another method', async () => {
    const preflight = { host: 'cors.example', 'access-control-request-method': 'PUT' };
    const allowed = await get('/cors', { ...preflight, origin: 'https://x.a.example' }, 'OPTIONS');
    assert.equal(allowed.status, 200);
    assert.deepEqual(
      ['origin', 'methods', 'headers'].map((name) => allowed.headers[`access-control-allow-${name}`]),
      ['https://x.a.example', 'PUT', 'x-h'],
    );
    const refused = await get('/cors', { ...preflight, origin: 'https://evil.example' }, 'OPTIONS');
    assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [200, undefined]);
    assert.deepEqual(seen, []);
    assert.equal((await get('/cors', preflight, 'OPTIONS')).status, 404);
    const put = await get('/cors', { host: 'cors.example', origin: 'https://x.a.example' }, 'PUT');
    assert.deepEqual([put.status, put.headers['access-control-allow-origin']], [200, 'https://x.a.example']);
  });

  it('names what was asked for where CORS allows anything with credentials', async () => {
    const { headers } = await get(
      '/any',
      {
        host: 'cors.example',
        origin: 'https://o.example',
        'access-control-request-method': 'DELETE',
        'access-control-request-headers': 'x-1, x-2',
      },
      'OPTIONS',
    );
    assert.deepEqual(
      ['origin', 'methods', 'headers', 'credentials'].map((name) => headers[`access-control-allow-${name}`]),
      ['https://o.example', 'DELETE', 'x-1, x-2', 'true'],
    );
  });

  it('lets an HTTP service decide, and gives the backend what it says', async () => {
    const host = 'auth.example';
    assert.equal((await get('/http', { host })).status, 401);
    assert.deepEqual(seen, []);
    const { status, seen: one } = await get('/http/x', { host, 'x-token': 'good', 'x-hidden': 'h' }, 'POST', '12345');
    assert.deepEqual([status, one.body, one.headers['x-user']], [200, '12345', 'somebody']);
    assert.equal(one.headers['x-asked'], 'POST /check/http/x 12345 x-hidden=undefined');
    assert.equal((await get('/http', { host, 'x-token': 'good' }, 'POST', 'more than ten')).status, 413);
    assert.equal((await get('/redirect', { host })).status, 401);
    assert.equal((await get('/down', { host })).status, 500);
    assert.equal((await get('/open', { host })).status, 200);
  });

  it('lets a gRPC service decide', async () => {
    const host = 'auth.example';
    assert.equal((await get('/grpc?deny', { host })).status, 403);
    assert.equal((await get('/grpc', { host })).status, 200);
  });

  it('speaks TLS to backends as a policy says, shows who it is, and fails rather than trust another name', async () => {
    const host = 'tls.example';
    const { status, headers } = await get('/secure', { host });
    assert.deepEqual([status, headers['x-sni'], headers['x-client']], [200, 'shop.example.com', 'gateway client']);
    assert.equal((await get('/other-name', { host })).status, 503);
    assert.equal((await get('/broken', { host })).status, 500);
  });

  it('serves gRPC and HTTP side by side on one host', async () => {
    const host = 'grpc.example';
    const call = await get('/shop.Cart/Add', { host, 'content-type': 'application/grpc' }, 'POST');
    assert.deepEqual([call.status, call.headers['grpc-status']], [200, '14']);
    assert.equal((await get('/shop.Cart/Add', { host }, 'POST')).seen.backend, 'a');
  });
});

function policy(service: string, validation: string, ca = 'ca'): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: ${service}}
spec:
  targetRefs: [{group: "", kind: Service, name: ${service}}]
  validation: {${validation}, caCertificateRefs: [{group: "", kind: ConfigMap, name: ${ca}}]}
`;
}

/** Says yes to the token `good`, and what it was asked. */
async function authorizer() {
  return startBackend(async (incoming, response) => {
    let body = '';
    for await (const chunk of incoming) body += chunk;
    const { method, url, headers } = incoming;
    response.writeHead(headers['x-token'] === 'good' ? 200 : 401, {
      'x-user': 'somebody',
      'x-asked': `${method} ${url} ${body} x-hidden=${headers['x-hidden']}`,
      'content-length': 5,
    });
    response.end('12345');
  });
}

/** Denies requests that hold the word `deny`. Messages are left as bytes: OK is empty, PERMISSION_DENIED is code 7. */
async function grpcAuthorizer(server: GrpcServer): Promise<number> {
  const bytes = (buffer: Buffer) => buffer;
  server.addService(
    {
      check: {
        path: '/envoy.service.auth.v3.Authorization/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    {
      check: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        done(null, call.request.includes('deny') ? Buffer.from([0x0a, 2, 8, 7]) : Buffer.alloc(0)),
    },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}

/** Asks for a client certificate, and says whose it got, for which name. */
async function tlsBackend() {
  const server = createTlsServer(
    { cert: pem('shop.crt'), key: pem('shop.key'), requestCert: true, ca: pem('client.crt') },
    (incoming, response) => {
      const socket = incoming.socket as TLSSocket;
      response.writeHead(200, {
        'x-sni': String(socket.servername),
        'x-client': String(socket.authorized && socket.getPeerCertificate().subject.CN),
      });
      response.end();
    },
  ).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}
