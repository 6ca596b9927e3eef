import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { documents, ingress, service, tlsSecret } from './support/kubernetes.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { startBackend } from './support/proxy-rig.ts';
import { until } from './support/until.ts';
import { ask, type Certificate, certificate } from './support/xds-rig.ts';

describe('sluice run: a Secret rotates', () => {
  let node: NodeRig;
  let backend: { server: Server; port: number };

  before(async () => {
    backend = await startBackend((_, response) => response.end('hello'));
    node = await startNodeRig({
      files: {
        'web.yaml': documents(
          ingress('shop', 'shop.test', 'web', { extra: '  tls: [{hosts: [shop.test], secretName: shop}]' }),
          ingress('other', 'other.test', 'web', { extra: '  tls: [{hosts: [other.test], secretName: other}]' }),
          service('web', [backend.port]),
        ),
      },
    });
    const other = certificate(join(node.dir, 'other'), 'other.test');
    node.write('other.yaml', tlsSecret('other', other.cert, other.key));
  });
  after(async () => {
    await node?.stop();
    backend?.server.close();
  });

  const fingerprint = ({ cert }: Certificate): string => cert.toString();

  it('for new handshakes at once, and no connection is dropped', async () => {
    const rotate = (name: string): Certificate => {
      const made = certificate(join(node.dir, name), 'shop.test');
      node.write('secret.yaml', tlsSecret('shop', made.cert, made.key));
      return made;
    };
    const first = rotate('first');
    const { https } = node.ports;
    await until('the first certificate', async () => (await ask(https, 'shop.test')).status === 200);

    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<TLSSocket>();
    const overHttp1 = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const options = {
          host: '127.0.0.1',
          port: https,
          headers: { host: 'shop.test' },
          servername: 'shop.test',
          agent,
        };
        request({ ...options, rejectUnauthorized: false }, (response) => {
          if (response.socket instanceof TLSSocket) sockets.add(response.socket);
          response.resume().on('end', () => resolve(response.statusCode));
        })
          .on('error', reject)
          .end();
      });
    const session = connectHttp2(`https://127.0.0.1:${https}`, { servername: 'shop.test', rejectUnauthorized: false });
    const ends: string[] = [];
    session
      .on('goaway', () => ends.push('GOAWAY'))
      .on('close', () => ends.push('close'))
      .on('error', (error) => ends.push(error.message));
    await once(session, 'connect');
    const overHttp2 = async () => {
      const stream = session.request({ ':path': '/', ':authority': 'shop.test' });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      await once(stream, 'end');
      return headers[':status'];
    };
    assert.equal(await overHttp1(), 200);
    assert.equal(await overHttp2(), 200);
    assert.equal(await servedPem(https), fingerprint(first));

    for (const name of ['second', 'third', 'fourth']) {
      const next = rotate(name);
      await until(`the ${name} certificate on a new connection`, async () => {
        assert.equal(await overHttp1(), 200);
        assert.equal(await overHttp2(), 200);
        const other = await ask(https, 'other.test');
        assert.deepEqual([other.status, other.certificate], [200, 'other.test']);
        return (await servedPem(https)) === fingerprint(next);
      });
    }
    assert.equal(sockets.size, 1, 'one HTTP/1.1 connection all along');
    assert.deepEqual(ends, []);
    agent.destroy();
    session.close();
  });

  it('a key of another certificate is reported where the Secret is used, and takes down no other host', async () => {
    const before = await servedPem(node.ports.https);
    const { key } = certificate(join(node.dir, 'stray'), 'shop.test');
    node.write('secret.yaml', tlsSecret('shop', before, key));
    const { location, message } = await node.diagnosed('InvalidCertificate');
    assert.match(message, /Secret default\/shop: tls\.key does not belong/);
    assert.deepEqual(location, { file: join(node.folder, 'web.yaml'), line: 7, column: 42 });
    assert.equal((await ask(node.ports.https, 'other.test')).status, 200);
    const mended = certificate(join(node.dir, 'mended'), 'shop.test');
    node.write('secret.yaml', tlsSecret('shop', mended.cert, mended.key));
    await node.resolved('InvalidCertificate');
    await until('the host to be served again', async () => (await ask(node.ports.https, 'shop.test')).status === 200);
  });

  function servedPem(port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port,
        headers: { host: 'shop.test' },
        servername: 'shop.test',
        agent: false as const,
      };
      request({ ...options, rejectUnauthorized: false }, (response) => {
        const der = response.socket instanceof TLSSocket ? response.socket.getPeerCertificate().raw : Buffer.alloc(0);
        const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
        response
          .resume()
          .on('end', () => resolve(`-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`));
      })
        .on('error', reject)
        .end();
    });
  }
});
