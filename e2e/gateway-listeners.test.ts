import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { type Server as HttpServer, type IncomingMessage, request } from 'node:http';
import { createServer as createHttpsServer, request as requestTls } from 'node:https';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { echoBackend, type GatewayRig, localService, serveGateway } from './support/gateway-rig.ts';
import { freePort } from './support/proxy-rig.ts';

const certificate = (name: string) =>
  readFileSync(new URL(`../src/mesh/gateway/testdata/certs/${name}`, import.meta.url), 'utf8');
const api = 'apiVersion: gateway.networking.k8s.io/v1';
const json = JSON.stringify;

const secret = (name: string, of: string) => `
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
stringData: {tls.crt: ${json(certificate(`${of}.crt`))}, tls.key: ${json(certificate(`${of}.key`))}}
`;

interface Parent {
  readonly gateway?: string;
  readonly listener: string;
}

const httpRoute = (name: string, { gateway = 'gw', listener }: Parent, path: string, hostnames?: string[]) => `
---
${api}
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: ${gateway}, sectionName: ${listener}}]
  ${hostnames === undefined ? '' : `hostnames: ${json(hostnames)}`}
  rules: [{matches: [{path: {value: ${path}}}], backendRefs: [{name: web, port: 80}]}]
`;

const streamRoute = (kind: string, name: string, listener: string, backends: string, hostnames?: string[]) => `
---
apiVersion: gateway.networking.k8s.io/${kind === 'TLSRoute' ? 'v1' : 'v1alpha2'}
kind: ${kind}
metadata: {name: ${name}}
spec:
  parentRefs: [{name: gw, sectionName: ${listener}}]
  ${hostnames === undefined ? '' : `hostnames: ${json(hostnames)}`}
  rules: [{backendRefs: [${backends}]}]
`;

const tls = (name: string) => `tls: {certificateRefs: [{name: ${name}}]}`;

async function status(
  outgoing: ReturnType<typeof request>,
): Promise<{ status: number; headers: IncomingMessage['headers'] }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end();
  });
  response.resume();
  return { status: response.statusCode ?? 0, headers: response.headers };
}

async function plain(port: number, host: string, path: string, address = '127.0.0.1'): Promise<number> {
  return (await status(request({ host: address, port, path, headers: { host }, agent: false }))).status;
}

async function secure(port: number, servername: string, host: string, path = '/', credentials = {}): Promise<number> {
  const to = { host: '127.0.0.1', port, path, headers: { host }, servername, agent: false as const };
  return (await status(requestTls({ ...to, rejectUnauthorized: false, ...credentials }))).status;
}

/** What the other end says first; `''` if it closes without a word. */
function firstWords(port: number, servername?: string): Promise<string> {
  return new Promise((resolve) => {
    const socket =
      servername === undefined
        ? connect(port, '127.0.0.1')
        : connectTls({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
    let text = '';
    socket.on('data', (data) => {
      text += data;
      socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

async function greeter(name: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(name);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function datagramEcho(name: string): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('message', (_message, from) => socket.send(name, from.port, from.address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

describe('Gateway API listeners in Envoy', () => {
  const closers: (() => void)[] = [];
  const ports = { http: 0, https: 0, mutual: 0, lenient: 0, tcp: 0, idle: 0, udp: 0 };
  let rig: GatewayRig;

  before(async () => {
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    const web = await echoBackend('web', []);
    const inner: HttpServer = createHttpsServer(
      { cert: certificate('wild.crt'), key: certificate('wild.key') },
      (_incoming, response) => response.writeHead(202).end(),
    );
    await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
    const raw = await greeter('raw');
    const datagrams = [await datagramEcho('one'), await datagramEcho('two')];
    for (const server of [web.server, inner, raw]) closers.push(() => server.close());
    for (const socket of datagrams) closers.push(() => socket.close());
    const udpService = (name: string, i: number) =>
      localService(name, [portOf(datagrams[i]!)], ', protocol: UDP').replace(
        '{name: web,',
        '{name: web, protocol: UDP,',
      );
    rig = await serveGateway(`
${api}
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: cilium
  tls:
    frontend:
      default: {}
      perPort:
      - {port: ${ports.mutual}, tls: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}}
      - {port: ${ports.lenient}, tls: {validation: {mode: AllowInsecureFallback, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}}
  listeners:
  - {name: any, port: ${ports.http}, protocol: HTTP}
  - {name: wide, port: ${ports.http}, protocol: HTTP, hostname: '*.example.com'}
  - {name: narrow, port: ${ports.http}, protocol: HTTP, hostname: '*.foo.example.com'}
  - {name: exact, port: ${ports.http}, protocol: HTTP, hostname: abc.foo.example.com}
  - {name: s-any, port: ${ports.https}, protocol: HTTPS, ${tls('shop')}}
  - {name: s-exact, port: ${ports.https}, protocol: HTTPS, hostname: second.org, ${tls('shop')}}
  - {name: s-wide, port: ${ports.https}, protocol: HTTPS, hostname: '*.wild.org', ${tls('wild')}}
  - {name: s-narrow, port: ${ports.https}, protocol: HTTPS, hostname: fourth.wild.org, ${tls('wild')}}
  - {name: through, port: ${ports.https}, protocol: TLS, hostname: '*.through.org', tls: {mode: Passthrough}}
  - {name: ended, port: ${ports.https}, protocol: TLS, hostname: ended.org, ${tls('wild')}}
  - {name: closed, port: ${ports.https}, protocol: TLS, hostname: closed.through.org, tls: {mode: Passthrough}}
  - {name: mutual, port: ${ports.mutual}, protocol: HTTPS, ${tls('shop')}}
  - {name: lenient, port: ${ports.lenient}, protocol: HTTPS, ${tls('shop')}}
  - {name: tcp, port: ${ports.tcp}, protocol: TCP}
  - {name: idle, port: ${ports.idle}, protocol: TCP}
  - {name: udp, port: ${ports.udp}, protocol: UDP}
---
${api}
kind: Gateway
metadata: {name: other, creationTimestamp: '2026-01-01T00:00:00Z'}
spec: {gatewayClassName: cilium, listeners: [{name: http, port: ${ports.http}, protocol: HTTP}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data: {ca.crt: ${json(certificate('client.crt'))}}
${secret('shop', 'shop')}${secret('wild', 'wild')}
${httpRoute('to-any', { listener: 'any' }, '/any', ['bar.com', '*.example.com', '*.foo.example.com', 'abc.foo.example.com'])}
${httpRoute('to-wide', { listener: 'wide' }, '/wide')}
${httpRoute('to-narrow', { listener: 'narrow' }, '/narrow', ['*.example.com', 'abc.foo.example.com'])}
${httpRoute('to-exact', { listener: 'exact' }, '/exact', ['*.example.com'])}
${httpRoute('to-other', { gateway: 'other', listener: 'http' }, '/other')}
${httpRoute('to-s-any', { listener: 's-any' }, '/', ['first.org'])}
${httpRoute('to-s-exact', { listener: 's-exact' }, '/')}
${httpRoute('to-s-wide', { listener: 's-wide' }, '/')}
${httpRoute('to-s-narrow', { listener: 's-narrow' }, '/')}
${httpRoute('to-mutual', { listener: 'mutual' }, '/')}
${httpRoute('to-lenient', { listener: 'lenient' }, '/')}
${streamRoute('TLSRoute', 'through', 'through', '{name: inner, port: 80}', ['*.through.org'])}
${streamRoute('TLSRoute', 'ended', 'ended', '{name: raw, port: 80}', ['ended.org'])}
${streamRoute('TCPRoute', 'tcp', 'tcp', '{name: raw, port: 80, weight: 3}, {name: missing, port: 80}')}
${streamRoute('UDPRoute', 'udp', 'udp', '{name: udp-one, port: 80, weight: 1}, {name: udp-two, port: 80, weight: 1}')}
${localService('web', [web.port])}${localService('inner', [portOf(inner)])}${localService('raw', [portOf(raw)])}
${udpService('udp-one', 0)}${udpService('udp-two', 1)}`);
  });

  after(async () => {
    await rig?.stop();
    for (const close of closers) close();
  });

  it('everything is accepted', () => assert.deepEqual(rig.ads.rejections, []));

  for (const [host, own] of [
    ['bar.com', '/any'],
    ['bar.example.com', '/wide'],
    ['bar.foo.example.com', '/narrow'],
    ['abc.foo.example.com', '/exact'],
  ] as const)
    it(`serves ${host} by the listener of ${own} alone`, async () => {
      for (const path of ['/any', '/wide', '/narrow', '/exact'])
        assert.equal(await plain(ports.http, host, path), path === own ? 200 : 404, path);
    });

  it('serves a second Gateway with the same port on the next address', async () => {
    assert.equal(await plain(ports.http, 'bar.com', '/other', '127.0.0.1'), 404);
    assert.equal(await plain(ports.http, 'bar.com', '/other', '127.0.0.2'), 200);
  });

  for (const [servername, host, expected] of [
    ['first.org', 'first.org', 200],
    ['first.org', 'second.org', 421],
    ['first.org', 'unknown.org', 404],
    ['unknown.org', 'first.org', 200],
    ['second.org', 'second.org', 200],
    ['second.org', 'first.org', 421],
    ['second.org', 'unknown.org', 421],
    ['third.wild.org', 'third.wild.org', 200],
    ['third.wild.org', 'fifth.wild.org', 200],
    ['third.wild.org', 'fourth.wild.org', 421],
    ['third.wild.org', 'second.org', 421],
    ['third.wild.org', 'unknown.org', 421],
    ['fourth.wild.org', 'fourth.wild.org', 200],
    ['fourth.wild.org', 'fifth.wild.org', 421],
  ] as const)
    it(`${expected} for ${host} on a connection to ${servername}`, async () => {
      assert.equal(await secure(ports.https, servername, host), expected);
    });

  it('passes TLS through by SNI, on the port of HTTPS listeners', async () => {
    assert.equal(await secure(ports.https, 'a.through.org', 'a.through.org'), 202);
  });

  it('ends TLS for a TLSRoute', async () => {
    assert.equal(await firstWords(ports.https, 'ended.org'), 'raw');
  });

  it("closes a host of a listener without routes, which is no wider listener's", async () => {
    await assert.rejects(secure(ports.https, 'closed.through.org', 'closed.through.org'));
  });

  it('checks client certificates', async () => {
    const client = { cert: certificate('client.crt'), key: certificate('client.key') };
    const stranger = { cert: certificate('wild.crt'), key: certificate('wild.key') };
    assert.equal(await secure(ports.mutual, 'a.org', 'a.org', '/', client), 200);
    await assert.rejects(secure(ports.mutual, 'a.org', 'a.org', '/', stranger));
    await assert.rejects(secure(ports.mutual, 'a.org', 'a.org'));
    assert.equal(await secure(ports.lenient, 'a.org', 'a.org', '/', client), 200);
    assert.equal(await secure(ports.lenient, 'a.org', 'a.org', '/', stranger), 200);
    assert.equal(await secure(ports.lenient, 'a.org', 'a.org'), 200);
  });

  it("closes a missing backend's share of connections, and all where there is no route", async () => {
    const words = await Promise.all(Array.from({ length: 200 }, () => firstWords(ports.tcp)));
    const closed = words.filter((text) => text === '').length;
    // A quarter: 50 of 200, with a standard deviation of 6.
    assert.ok(closed > 15 && closed < 95, `${closed} of 200`);
    assert.equal(await firstWords(ports.idle), '');
  });

  it('splits datagrams among backends', async () => {
    const heard = new Set<string>();
    const sockets: UdpSocket[] = [];
    await new Promise<void>((resolve) => {
      for (let i = 0; i < 200 && heard.size < 2; i++) {
        const socket = createSocket('udp4');
        sockets.push(socket);
        socket.on('message', (message) => {
          heard.add(message.toString());
          if (heard.size === 2) resolve();
        });
        socket.send('hello', ports.udp, '127.0.0.1');
      }
    });
    for (const socket of sockets) socket.close();
    assert.deepEqual([...heard].sort(), ['one', 'two']);
  });
});
