import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { dump, load } from 'js-yaml';

/** A TCP connection between a client and a server that a test can cut, and keep from being made again. */
export class CutOff {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #open = true;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      if (!this.#open) {
        client.destroy();
        return;
      }
      const server = connect({ host: '127.0.0.1', port });
      for (const [socket, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.once('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
  }

  /** @param port on 127.0.0.1 */
  static async to(port: number): Promise<CutOff> {
    const cutOff = new CutOff(port);
    await new Promise<void>((resolve) => cutOff.#server.listen(0, '127.0.0.1', resolve));
    return cutOff;
  }

  /** Writes the kubeconfig of a server that is reached this way. */
  kubeconfig(from: string, to: string): string {
    const config = load(readFileSync(from, 'utf8')) as { clusters: { cluster: { server: string } }[] };
    const { port } = this.#server.address() as AddressInfo;
    for (const { cluster } of config.clusters) cluster.server = `https://127.0.0.1:${port}`;
    writeFileSync(to, dump(config), { mode: 0o600 });
    return to;
  }

  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore(): void {
    this.#open = true;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
