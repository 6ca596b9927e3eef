import { now, pause } from './clock.ts';
import { HttpConnection } from './connection.ts';

/** What probing a host met on the way to 200. */
export interface ProbeResult {
  /** On the monotonic clock: when the last of the connections had its first 200. */
  readonly servedAt: number;
  /** Everything that was neither 404 nor, from then on, 200: `503`, `404 after 200`, `connection closed`. */
  readonly errors: readonly string[];
}

/**
 * Asks on several keep-alive connections, so that all of Envoy's workers have to know a route before it counts as served;
 * and an answer that was 200 once must stay so.
 */
export class Prober {
  readonly #connections: HttpConnection[];
  readonly #address: string;
  readonly #port: number;

  private constructor(address: string, port: number, connections: HttpConnection[]) {
    this.#address = address;
    this.#port = port;
    this.#connections = connections;
  }

  static async open(address: string, port: number, connections = 4): Promise<Prober> {
    const open = Array.from({ length: connections }, () => HttpConnection.open(address, port));
    return new Prober(address, port, await Promise.all(open));
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Polls about once a millisecond until every connection has got `wanted`. */
  async until(host: string, wanted: number, options: { timeout?: number; path?: string } = {}): Promise<ProbeResult> {
    const { timeout = 30_000, path = '/' } = options;
    const deadline = now() + timeout;
    const errors: string[] = [];
    let servedAt = 0;
    for (let i = 0; i < this.#connections.length; i++) {
      for (;;) {
        const status = await this.#ask(i, host, path, errors);
        if (status === wanted) break;
        if (status !== undefined && status !== 404 && status !== 200) errors.push(`${status}`);
        if (now() > deadline)
          throw new Error(`${host} did not answer ${wanted} within ${timeout / 1000} s (last: ${status})`);
        await pause(1);
      }
      servedAt = now();
    }
    for (let i = 0; i < this.#connections.length; i++) {
      const status = await this.#ask(i, host, path, errors);
      if (status !== wanted) errors.push(`${status} after ${wanted}`);
    }
    return { servedAt, errors };
  }

  async #ask(i: number, host: string, path: string, errors: string[]): Promise<number | undefined> {
    let connection = this.#connections[i]!;
    try {
      if (!connection.open) {
        connection = await HttpConnection.open(this.#address, this.#port);
        this.#connections[i] = connection;
      }
      return (await connection.get(host, path)).status;
    } catch (error) {
      errors.push((error as Error).message);
      return undefined;
    }
  }
}

/** Polls each few ms from before anybody listens. Returns when `host` first answered 200, on the monotonic clock. */
export async function firstServed(
  address: string,
  port: number,
  host: string,
  { timeout = 60_000, path = '/', alive = () => true }: { timeout?: number; path?: string; alive?: () => boolean } = {},
): Promise<number> {
  const deadline = now() + timeout;
  let connection: HttpConnection | undefined;
  let last = 'nobody listened';
  try {
    for (;;) {
      try {
        if (connection?.open !== true) connection = await HttpConnection.open(address, port);
        const { status } = await connection.get(host, path);
        if (status === 200) return now();
        last = `it answered ${status}`;
      } catch (error) {
        last = (error as Error).message;
      }
      if (!alive()) throw new Error(`${host} was never served: the process ended`);
      if (now() > deadline) throw new Error(`${host} was not served within ${timeout / 1000} s: ${last}`);
      await pause(2);
    }
  } finally {
    connection?.close();
  }
}

/** Asks each host once, over 16 connections. Returns those that did not answer 200. */
export async function notServed(address: string, port: number, hosts: readonly string[]): Promise<string[]> {
  const bad: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      let connection = await HttpConnection.open(address, port);
      for (let host = hosts[next++]; host !== undefined; host = hosts[next++]) {
        if (!connection.open) connection = await HttpConnection.open(address, port);
        const status = await connection.get(host).then(
          (answer) => answer.status,
          () => 0,
        );
        if (status !== 200) bad.push(host);
      }
      connection.close();
    }),
  );
  return bad;
}
