import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { ClusterSchema } from '../../src/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { SecretSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { Resource } from '../../src/mesh/envoy/resource.ts';
import { ads, listener, resourceOf } from '../../src/xds/testing/resources.ts';
import { httpListener } from './proxy-rig.ts';
import { until } from './until.ts';

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A self-signed certificate for `name`, or one signed by `ca`. */
export function certificate(dir: string, name: string, ca?: string): Certificate {
  mkdirSync(dir, { recursive: true });
  const [cert, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  const signed = ca === undefined ? [] : ['-CA', join(dir, `${ca}.crt`), '-CAkey', join(dir, `${ca}.key`)];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-keyout', key, '-out', cert, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, ...signed],
      ...(ca === undefined ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE']),
    ],
    { stdio: 'pipe' },
  );
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

export function secret(name: string, { cert, key }: Certificate): Resource {
  return resourceOf('secrets', name, SecretSchema, {
    name,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: { specifier: { case: 'inlineBytes', value: cert } },
        privateKey: { specifier: { case: 'inlineBytes', value: key } },
      },
    },
  });
}

/** An HTTPS listener whose routes and certificate come by ADS. */
export function tlsListener(port: number, table: string, secretName: string): Resource {
  const { address, filterChains, name } = httpListener(port, {
    routeSpecifier: { case: 'rds', value: { routeConfigName: table, configSource: ads } },
  });
  const tls = create(DownstreamTlsContextSchema, {
    commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: secretName, sdsConfig: ads }] },
  });
  const [chain] = filterChains;
  return listener(name, {
    ...(address && { address }),
    filterChains: [
      {
        ...(chain && { filters: chain.filters }),
        transportSocket: {
          name: 'tls',
          configType: { case: 'typedConfig', value: anyPack(DownstreamTlsContextSchema, tls) },
        },
      },
    ],
  });
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Common name of the certificate that was served. */
  readonly certificate: string;
}

/** One HTTPS request on a connection of its own; a refused connection is status 0. */
export function ask(port: number, host: string, path = '/'): Promise<Answer> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', path, headers: { host }, rejectUnauthorized: false, agent: false };
    const failed = () => resolve({ status: 0, body: '', certificate: '' });
    request(options, (response) => {
      const { socket } = response;
      const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : undefined;
      const commonName = Array.isArray(subject?.CN) ? subject.CN[0] : subject?.CN;
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('error', failed);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, certificate: commonName ?? '' }));
    })
      .on('error', failed)
      .end();
  });
}

/** Asks until the answer is as wanted; rejects with the last answer after 10 s. */
export async function askUntil(
  port: number,
  host: string,
  wanted: (answer: Answer) => boolean,
  path = '/',
): Promise<Answer> {
  let answer: Answer | undefined;
  return until(
    () => `${host}${path}, last ${JSON.stringify(answer)}`,
    async () => {
      answer = await ask(port, host, path);
      return wanted(answer) ? answer : undefined;
    },
    10_000,
  );
}

/** Upstream TLS with a client certificate from SDS: without that secret the cluster never warms. */
export function tlsToUpstream(secretName: string): MessageInitShape<typeof ClusterSchema> {
  const tls = create(UpstreamTlsContextSchema, {
    commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: secretName, sdsConfig: ads }] },
  });
  return {
    transportSocket: {
      name: 'tls',
      configType: { case: 'typedConfig', value: anyPack(UpstreamTlsContextSchema, tls) },
    },
  };
}

/** Asks on plain HTTP, with the header `x-scope`, until the status is as wanted; rejects after 10 s. */
export async function httpUntil(port: number, scope: string, wanted: number): Promise<void> {
  let status = 0;
  await until(
    () => `scope ${scope}: status ${status}, not ${wanted}`,
    async () => {
      status = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-scope': scope } }).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => 0,
      );
      return status === wanted;
    },
    10_000,
  );
}

/** An HTTP listener whose scopes are keyed by the header `x-scope`, and their route tables come by ADS. */
export function scopedListener(port: number): Resource {
  const { address, filterChains, name } = httpListener(port, {
    routeSpecifier: {
      case: 'scopedRoutes',
      value: {
        name: 'scopes',
        scopeKeyBuilder: {
          fragments: [
            {
              type: {
                case: 'headerValueExtractor',
                value: { name: 'x-scope', extractType: { case: 'index', value: 0 } },
              },
            },
          ],
        },
        rdsConfigSource: ads,
        configSpecifier: { case: 'scopedRds', value: { scopedRdsConfigSource: ads } },
      },
    },
  });
  return listener(name, { ...(address && { address }), filterChains });
}
