import { Agent, request } from 'node:http';
import { Fault } from '../lib/fault.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds; 5,000 by default. */
  readonly timeout?: number;
}

/** One upstream host as Envoy sees it. */
export interface EnvoyHost {
  /** `10.0.0.1:8080`, or the path of a Unix socket. */
  readonly address: string;
  /** `HEALTHY`, `DRAINING`, ...: what EDS said of it. */
  readonly edsHealth: string;
  readonly weight: number;
  /** Requests since the host became known; counted in every statistics mode. */
  readonly requests: number;
}

export interface EnvoyServerInfo {
  readonly version: string;
  /** `LIVE`, `DRAINING`, `PRE_INITIALIZING`, `INITIALIZING`. */
  readonly state: string;
  /** Seconds since the process started. */
  readonly uptime: number;
}

/**
 * Envoy's admin interface on its Unix socket. Every method throws Fault ENVOY_ADMIN_UNREACHABLE (no Envoy listens there, or
 * it does not answer in time) or ENVOY_ADMIN_REFUSED (it answered with another status than 200); an abort rejects with the
 * signal's reason.
 */
export class EnvoyAdmin {
  readonly socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** Whether Envoy has all of its first configuration and serves; never throws for an Envoy that is not there. */
  async ready(options: CallOptions = {}): Promise<boolean> {
    try {
      return (await this.#call('GET', '/ready', options)).status === 200;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof Fault) return false;
      throw error;
    }
  }

  async serverInfo(options?: CallOptions): Promise<EnvoyServerInfo> {
    const info = await this.#json<{ version: string; state: string; uptime_current_epoch: string }>(
      '/server_info',
      options,
    );
    return {
      version: info.version.split('/')[1] ?? info.version,
      state: info.state,
      uptime: Number.parseFloat(info.uptime_current_epoch),
    };
  }

  /** Counters and gauges by name, those that `filter` (an RE2 expression, matched anywhere in the name) lets through. */
  async stats(filter?: string, options?: CallOptions): Promise<Map<string, number>> {
    const query = filter === undefined ? '' : `&filter=${encodeURIComponent(filter)}`;
    const { stats } = await this.#json<{ stats: { name?: string; value?: number | string }[] }>(
      `/stats?format=json${query}`,
      options,
    );
    const result = new Map<string, number>();
    for (const { name, value } of stats) if (name !== undefined && typeof value === 'number') result.set(name, value);
    return result;
  }

  /** Every cluster with its hosts. */
  async clusters(options?: CallOptions): Promise<Map<string, EnvoyHost[]>> {
    const body = await this.#json<{ cluster_statuses?: ClusterStatus[] }>('/clusters?format=json', options);
    return new Map(
      (body.cluster_statuses ?? []).map(({ name, host_statuses }) => [name, (host_statuses ?? []).map(toHost)]),
    );
  }

  /** The configuration in force, as Envoy prints it; `resource` narrows it down, such as `dynamic_route_configs`. */
  configDump(resource?: string, options?: CallOptions): Promise<{ configs?: Record<string, unknown>[] }> {
    return this.#json(
      `/config_dump${resource === undefined ? '' : `?resource=${encodeURIComponent(resource)}`}`,
      options,
    );
  }

  /** All statistics in the Prometheus text format. */
  prometheus(options?: CallOptions): Promise<string> {
    return this.#text('GET', '/stats/prometheus', options);
  }

  /**
   * `graceful`: from now on each response asks its client to close the connection (`connection: close`, GOAWAY), while new
   * connections are still taken. Otherwise: listeners take no new connections; those open stay.
   */
  async drainListeners(options: CallOptions & { graceful?: boolean } = {}): Promise<void> {
    await this.#text('POST', options.graceful ? '/drain_listeners?graceful&skip_exit' : '/drain_listeners', options);
  }

  /** Envoy exits at once, with whatever is in flight. */
  async quit(options?: CallOptions): Promise<void> {
    await this.#text('POST', '/quitquitquit', options);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #json<T>(path: string, options?: CallOptions): Promise<T> {
    const text = await this.#text('GET', path, options);
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw Fault.from(error, 'ENVOY_ADMIN_REFUSED', `Envoy admin: GET ${path}: not JSON`);
    }
  }

  async #text(method: string, path: string, options: CallOptions = {}): Promise<string> {
    const { status, body } = await this.#call(method, path, options);
    if (status === 200) return body;
    throw new Fault(
      'ENVOY_ADMIN_REFUSED',
      `Envoy admin: ${method} ${path}: status ${status}: ${body.trim().slice(0, 300)}`,
    );
  }

  #call(
    method: string,
    path: string,
    { signal, timeout = 5000 }: CallOptions,
  ): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const operation = `Envoy admin on ${this.socketPath}: ${method} ${path}`;
        reject(
          Fault.from(cause, 'ENVOY_ADMIN_UNREACHABLE', operation, 'is Envoy running? its last log lines say why not'),
        );
      };
      const outgoing = request({
        socketPath: this.socketPath,
        agent: this.#agent,
        method,
        path,
        // Envoy's admin interface refuses a request without a host.
        headers: { host: 'envoy-admin' },
        ...(signal && { signal }),
      });
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer in ${timeout} ms`)), timeout);
      outgoing.once('close', () => clearTimeout(timer));
      outgoing.once('error', fail);
      outgoing.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', fail);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        );
      });
      outgoing.end();
    });
  }
}

interface ClusterStatus {
  name: string;
  host_statuses?: {
    address?: { socket_address?: { address: string; port_value?: number }; pipe?: { path: string } };
    health_status?: { eds_health_status?: string };
    weight?: number;
    stats?: { name?: string; value?: string }[];
  }[];
}

function toHost(host: NonNullable<ClusterStatus['host_statuses']>[number]): EnvoyHost {
  const socket = host.address?.socket_address;
  const name = socket && (socket.address.includes(':') ? `[${socket.address}]` : socket.address);
  return {
    address: socket ? `${name}:${socket.port_value ?? 0}` : (host.address?.pipe?.path ?? ''),
    edsHealth: host.health_status?.eds_health_status ?? 'UNKNOWN',
    weight: host.weight ?? 1,
    requests: Number(host.stats?.find((stat) => stat.name === 'rq_total')?.value ?? 0),
  };
}
