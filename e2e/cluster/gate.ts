// A process in the control plane's network namespace that lets the machine's programs in. Arguments: the API server's port,
// and the path of a socket to listen on. File descriptor 3 is a listening socket that was opened outside, on 127.0.0.1: a
// socket stays in the namespace that it was made in, so what connects to it outside is served inside.
import { rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const [port, path] = process.argv.slice(2) as [string, string];
const halfOpen = { allowHalfOpen: true };

createServer(halfOpen, (outside) => {
  const inside = connect({ host: '127.0.0.1', port: Number(port), ...halfOpen });
  tie(outside, inside);
  inside.on('error', () => outside.destroy());
  outside.pipe(inside).pipe(outside);
}).listen({ fd: 3 });

// Every address of the testbed, by HTTP's CONNECT.
rmSync(path, { force: true });
const anywhere = createHttpServer();
anywhere.on('connect', (request, outside: Duplex, head: Buffer) => {
  const { hostname, port: wanted } = new URL(`tcp://${request.url}`);
  const inside = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(wanted), ...halfOpen });
  tie(outside, inside);
  let connected = false;
  inside.once('connect', () => {
    connected = true;
    outside.write('HTTP/1.1 200 Connected\r\n\r\n');
    inside.write(head);
    outside.pipe(inside).pipe(outside);
  });
  inside.on('error', (error: NodeJS.ErrnoException) => {
    if (connected) outside.destroy();
    else outside.end(`HTTP/1.1 502 ${error.code}\r\n\r\n`);
  });
});
anywhere.listen(path);

/** What is cut off outside is cut off inside, also while it does not answer. */
function tie(outside: Duplex, inside: Socket): void {
  outside.on('error', () => inside.destroy());
  outside.on('close', () => inside.destroy());
}
