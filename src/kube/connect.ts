import net, { type Socket } from 'node:net';
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls';

/** A TCP connection to the API server, straight or through a proxy. */
export type Connect = (host: string, port: number) => Promise<Socket>;

/** ms to have a connection, TLS included. */
const TIMEOUT = 10_000;

export const connectDirectly: Connect = (host, port) => {
  const socket = net.connect({ host, port, keepAlive: true, keepAliveInitialDelay: 30_000, noDelay: true });
  return settled(socket, 'connect').then(() => socket);
};

/** Rejects with the socket's own error. Offers HTTP/2 and HTTP/1.1 unless `options` says otherwise. */
export async function connectTls(server: URL, options: ConnectionOptions, connect: Connect): Promise<TLSSocket> {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const socket = await connect(host, Number(server.port || 443));
  const secured = tls.connect({
    ALPNProtocols: ['h2', 'http/1.1'],
    // A name in the certificate is compared with `host`; SNI must not be an IP address (RFC 6066).
    host,
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...options,
    socket,
  });
  await settled(secured, 'secureConnect');
  return secured;
}

function settled(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${TIMEOUT / 1000} s`)), TIMEOUT);
    const finish = (end: () => void) => () => {
      clearTimeout(timer);
      socket.off('error', onError);
      socket.off('close', onClose);
      socket.off(event, onEvent);
      end();
    };
    const onError = (error: Error) => finish(() => reject(error))();
    const onClose = finish(() => reject(new Error('the connection was closed')));
    const onEvent = finish(resolve);
    socket.once('error', onError);
    socket.once('close', onClose);
    socket.once(event, onEvent);
  });
}
