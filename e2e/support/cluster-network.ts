import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';

/** What a client in the testbed's network got. */
export interface ClusterReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface ClusterRequest {
  /** Where to connect to, when it is not the URL's host. */
  readonly address?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the authorities to trust (https); without it none is checked. */
  readonly ca?: string;
  /** ms; 10,000. */
  readonly timeout?: number;
}

/**
 * A TCP connection from the control plane's network namespace, through the testbed's gate. Rejects with the error's code
 * (`ECONNREFUSED`) as its message when there is none.
 */
export function connectThrough(gateSocket: string, address: string, port: number, timeout = 10_000): Promise<Socket> {
  const host = address.includes(':') ? `[${address}]` : address;
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath: gateSocket, method: 'CONNECT', path: `${host}:${port}`, agent: false });
    request.setTimeout(timeout, () =>
      request.destroy(new Error(`${host}:${port}: no connection within ${timeout} ms`)),
    );
    request.on('connect', (response, socket, head) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      if (response.statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        reject(new Error(response.statusMessage));
      }
    });
    request.on('error', reject).end();
  });
}

/** One HTTP request on a connection of its own; follows no redirects. */
export async function fetchThrough(
  gateSocket: string,
  url: string,
  options: ClusterRequest = {},
): Promise<ClusterReply> {
  const { address, method = 'GET', headers = {}, body, ca, timeout = 10_000 } = options;
  const to = new URL(url);
  const secure = to.protocol === 'https:';
  const host = to.hostname.replace(/^\[|\]$/g, '');
  const raw = await connectThrough(gateSocket, address ?? host, Number(to.port || (secure ? 443 : 80)), timeout);
  const socket = secure
    ? connectTls({
        socket: raw,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
      })
    : raw;
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request(
      to,
      // Without an agent: an agent would make a connection of its own.
      {
        method,
        headers,
        defaultPort: secure ? 443 : 80,
        createConnection: () => socket,
        signal: AbortSignal.timeout(timeout),
      },
      (response) => {
        text(response).then(
          (read) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: read }),
          reject,
        );
      },
    );
    request.on('error', reject).end(body);
  });
}
