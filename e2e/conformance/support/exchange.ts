import http from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';

export interface Call {
  /** Where to connect to. */
  readonly address: string;
  readonly port?: number;
  /** The Host header, and over TLS the SNI. */
  readonly host: string;
  readonly path?: string;
  readonly tls?: boolean;
}

export interface Answer {
  readonly status: number;
  /** Of the pod that answered; absent where it was not a pod that did. */
  readonly pod?: string;
  /** Host and path as the pod saw them. */
  readonly seen?: { readonly host: string; readonly path: string };
  /** Subject alternative names of the server's certificate. */
  readonly certified?: string;
}

/** One request over a connection of its own. Rejects when there is no answer within 5 s. */
export function exchange({ address, port, host, path = '/', tls = false }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: address,
      port: port ?? (tls ? 443 : 80),
      path,
      headers: { host },
      agent: false,
      timeout: 5000,
    };
    const sent = tls ? https.get({ ...options, servername: host, rejectUnauthorized: false }) : http.get(options);
    sent.once('timeout', () => sent.destroy(new Error(`no answer from ${address} within 5 s`)));
    sent.once('error', reject);
    sent.once('response', (response) => {
      const certified = tls ? (response.socket as TLSSocket).getPeerCertificate().subjectaltname : undefined;
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          ...(certified === undefined ? {} : { certified }),
          ...podOf(response.headers['content-type'], body),
        }),
      );
    });
  });
}

function podOf(type: string | undefined, body: string): Pick<Answer, 'pod' | 'seen'> {
  if (type !== 'application/json') return {};
  const { pod, host, path } = JSON.parse(body) as { pod: string; host: string; path: string };
  return { pod, seen: { host, path } };
}
