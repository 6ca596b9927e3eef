import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request, type Server } from 'node:http';
import { request as requestTls } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { translateIngress } from '../src/mesh/ingress/index.ts';
import { echoBackend, type GatewayRig, localService, serveTranslated } from './support/gateway-rig.ts';
import { freePort } from './support/proxy-rig.ts';

const certificate = (name: string) =>
  readFileSync(new URL(`../src/mesh/ingress/testdata/certs/${name}`, import.meta.url), 'utf8');
const json = JSON.stringify;

const secret = (name: string) => `
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
stringData: {tls.crt: ${json(certificate(`${name}.crt`))}, tls.key: ${json(certificate(`${name}.key`))}}
`;

const path = (value: string, pathType = 'Prefix', service = 'web') => ({
  path: value,
  pathType,
  backend: { service: { name: service, port: { number: 80 } } },
});
const rule = (host: string | undefined, ...paths: object[]) => ({ ...(host && { host }), http: { paths } });
const ingress = (name: string, spec: object, annotations: object = {}) => `
---
${json({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name, annotations },
  spec: { ingressClassName: 'cilium', ...spec },
})}
`;

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  /** Common name of the server's certificate. */
  readonly certificate?: string;
}

async function answerTo(outgoing: ReturnType<typeof request>): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end();
  });
  const peer = (response.socket as TLSSocket).getPeerCertificate?.()?.subject;
  response.resume();
  return {
    status: response.statusCode ?? 0,
    location: response.headers.location,
    ...(peer === undefined ? {} : { certificate: String(peer.CN) }),
  };
}

describe('Ingress through a real Envoy', () => {
  let rig: GatewayRig;
  let backend: Server;
  let httpPort: number;
  let httpsPort: number;
  let ownPort: number;

  const plain = (host: string, target: string, port = httpPort) =>
    answerTo(request({ host: '127.0.0.1', port, path: target, headers: { host: `${host}:${port}` }, agent: false }));
  const secure = (host: string, target: string, more: { port?: number; sni?: string; ciphers?: string } = {}) => {
    const { port = httpsPort, sni = host, ciphers } = more;
    const cipher = ciphers === undefined ? {} : { ciphers, maxVersion: 'TLSv1.2' as const };
    const to = { host: '127.0.0.1', port, path: target, servername: sni, rejectUnauthorized: false, agent: false };
    return answerTo(requestTls({ ...to, headers: { host: `${host}:${port}` }, ...cipher }));
  };

  before(async () => {
    const echo = await echoBackend('web', []);
    backend = echo.server;
    [httpPort, httpsPort, ownPort] = [await freePort(), await freePort(), await freePort()];
    const yaml = [
      localService('web', [echo.port]),
      // TLS passed on to the port of another Ingress, which terminates it.
      localService('secure', [ownPort]),
      ...['shop', 'shop-rsa', 'wildcard', 'other'].map(secret),
      ingress('shop', {
        tls: [
          { hosts: ['shop.example.com'], secretName: 'shop' },
          { hosts: ['shop.example.com'], secretName: 'shop-rsa' },
          { hosts: ['*.example.com'], secretName: 'wildcard' },
        ],
        rules: [
          rule('shop.example.com', path('/')),
          rule('*.example.com', path('/impl.+', 'ImplementationSpecific'), path('/gone', 'Exact', 'gone')),
        ],
      }),
      ingress('solver', { rules: [rule('shop.example.com', path('/.well-known/token', 'Exact'))] }),
      ingress('every-host', { rules: [rule(undefined, path('/any/'))] }),
      ingress(
        'passed-on',
        { rules: [rule('pass.test', path('/', 'Prefix', 'secure'))] },
        {
          'ingress.cilium.io/tls-passthrough': 'enabled',
        },
      ),
      ingress(
        'own',
        {
          tls: [{ secretName: 'other' }],
          defaultBackend: { service: { name: 'web', port: { number: 80 } } },
        },
        { 'ingress.cilium.io/host-listener-port': String(ownPort), 'ingress.cilium.io/force-https': 'disabled' },
      ),
    ].join('');
    rig = await serveTranslated(yaml, translateIngress, { httpPort, httpsPort });
  });
  after(async () => {
    await rig.stop();
    backend.close();
  });

  it('Envoy accepts all of it', () => assert.deepEqual(rig.ads.rejections, []));

  it('redirects hosts with TLS to the HTTPS port, and not what another Ingress serves there', async () => {
    const { status, location } = await plain('shop.example.com', '/cart?x=1');
    assert.deepEqual([status, location], [301, `https://shop.example.com:${httpsPort}/cart?x=1`]);
    assert.equal((await plain('blog.example.com', '/implementation')).status, 301);
    assert.equal((await plain('shop.example.com', '/.well-known/token')).status, 200);
  });

  it('terminates TLS by SNI, with the certificate of the key type that the client wants', async () => {
    const ecdsa = await secure('shop.example.com', '/', { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
    assert.deepEqual([ecdsa.status, ecdsa.certificate], [200, 'shop test certificate']);
    const rsa = await secure('shop.example.com', '/', { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' });
    assert.deepEqual([rsa.status, rsa.certificate], [200, 'shop-rsa test certificate']);
    const blog = await secure('blog.example.com', '/impl1');
    assert.deepEqual([blog.status, blog.certificate], [200, 'wildcard test certificate']);
    await assert.rejects(secure('elsewhere.test', '/any'), /ECONNRESET|socket hang up|disconnected/);
  });

  it('matches expressions against the whole path, and answers 503 where a Service is missing', async () => {
    assert.equal((await secure('blog.example.com', '/implementation')).status, 200);
    assert.equal((await secure('blog.example.com', '/impl')).status, 404);
    assert.equal((await secure('blog.example.com', '/x/implementation')).status, 404);
    assert.equal((await secure('blog.example.com', '/gone')).status, 503);
  });

  it('takes a wildcard as one label; what has more, and every other host, is the catch-all rule’s', async () => {
    assert.equal((await secure('blog.example.com', '/any')).status, 404);
    assert.equal((await secure('a.blog.example.com', '/any')).status, 200);
    assert.equal((await secure('a.blog.example.com', '/impl1')).status, 404);
    assert.equal((await plain('a.blog.example.com', '/any/thing')).status, 200);
    assert.equal((await plain('elsewhere.test', '/any')).status, 200);
    assert.equal((await plain('elsewhere.test', '/anything')).status, 404);
    assert.equal((await plain('BLOG.Example.com.', '/impl1')).status, 301);
  });

  it('routes by the host of the request, not by SNI', async () => {
    assert.equal((await secure('a.blog.example.com', '/any', { sni: 'shop.example.com' })).status, 200);
  });

  it('speaks HTTP and TLS on the port that an Ingress has to itself', async () => {
    assert.equal((await plain('whatever.test', '/', ownPort)).status, 200);
    const { status, certificate: name } = await secure('whatever.test', '/', { port: ownPort });
    assert.deepEqual([status, name], [200, 'other test certificate']);
  });

  it('passes TLS on to the backend by SNI', async () => {
    const { status, certificate: name } = await secure('pass.test', '/');
    assert.deepEqual([status, name], [200, 'other test certificate']);
    assert.equal((await plain('pass.test', '/')).status, 301);
  });
});
