import { setTimeout as delay } from 'node:timers/promises';
import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';

export interface ElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique among all that ever run at the same time. */
  readonly identity: string;
  /** ms after which others may take a lease that is not renewed. */
  readonly duration: number;
  /** ms after which we stop by ourselves if it could not be renewed: shorter, for what is on its way then. */
  readonly renewDeadline: number;
  /** ms between renewals. */
  readonly renewEvery: number;
  readonly log: Log;
  readonly onStart: () => Promise<void> | void;
  /** Nothing may be written any more when it returns. */
  readonly onStop: () => Promise<void> | void;
}

/** coordination.k8s.io/v1 Lease, as far as we read and write it. */
interface Lease {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

/**
 * One leader at a time, by a Lease. Times are those of this process's monotonic clock only: how long it has not seen the holder
 * renew, and how long ago it asked for its own renewal. So clocks that differ, or jump, make no second leader. One who gives
 * up says so, and the next one, who watches, leads a moment later.
 */
export class LeaderElection {
  readonly #options: ElectionOptions;
  readonly #path: string;
  readonly #collection: string;
  readonly #closing = new AbortController();
  /** Until then we may write; 0: not the leader. */
  #validUntil = 0;
  #lease: Lease | undefined;
  /** When the lease was last seen to change. */
  #seenAt = 0;
  #running: Promise<void> | undefined;
  /** The trouble that was told last: the same is not told at each attempt. */
  #told = '';
  /** Times that we came to lead. */
  terms = 0;

  constructor(options: ElectionOptions) {
    this.#options = options;
    const { namespace, name } = options;
    this.#path = pathOf('Lease', { namespace, name });
    this.#collection = pathOf('Lease', { namespace });
  }

  /** Whether we lead, at this very moment. */
  get leading(): boolean {
    return performance.now() < this.#validUntil;
  }
  get holder(): string {
    return this.#lease?.spec?.holderIdentity ?? '';
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Stops leading, and lets the next one in. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#read();
        if (!this.#mayTake()) await this.#changed();
        else if (await this.#take()) await this.#lead();
      } catch (error) {
        if (signal.aborted) break;
        this.#tell(error, 'leader election: the lease cannot be read or taken');
        await this.#pause(this.#options.renewEvery);
      }
    }
  }

  /** Leads until the lease is lost, or the end. */
  async #lead(): Promise<void> {
    const { log, onStart, onStop, identity, renewEvery } = this.#options;
    this.terms++;
    log.info({ identity }, 'leader');
    const lost = new AbortController();
    let timer: NodeJS.Timeout;
    const expire = () => {
      const left = this.#validUntil - performance.now();
      if (left > 0) timer = setTimeout(expire, left);
      else lost.abort(new KubeFault('KUBE_TIMEOUT', 'leader election: the lease could not be renewed in time'));
    };
    timer = setTimeout(expire, this.#validUntil - performance.now());
    const stop = AbortSignal.any([lost.signal, this.#closing.signal]);
    const working = (async () => onStart())().catch((error: unknown) => {
      log.error({ err: error }, 'leader: could not start');
      lost.abort(error);
    });
    try {
      while (!stop.aborted) {
        await delay(renewEvery, undefined, { signal: stop }).catch(() => {});
        if (!stop.aborted && !(await this.#renew(stop))) lost.abort(new Error('taken by another'));
      }
    } finally {
      clearTimeout(timer);
      const had = this.leading;
      this.#validUntil = 0;
      // A start may wait for the server as long as it takes: what stops it must not wait for it.
      await Promise.all([working, onStop()]);
      log.info({ identity, holder: this.holder }, 'leader no more');
      if (had && !lost.signal.aborted) await this.#release();
    }
  }

  /** False: somebody else has it. What fails otherwise is tried again at once, until our time is over. */
  async #renew(stop: AbortSignal): Promise<boolean> {
    while (!stop.aborted) {
      try {
        await this.#write({ ...this.#lease?.spec, renewTime: microTime() }, stop);
        return true;
      } catch (error) {
        if (stop.aborted) return true;
        if (!(error instanceof KubeFault)) throw error;
        this.#tell(error, 'leader election: not renewed');
        if (error.code === 'KUBE_CONFLICT' || error.code === 'KUBE_NOT_FOUND') {
          // Our own renewal whose answer was lost, or somebody else.
          await this.#read(stop).catch(() => {});
          if (this.holder !== this.#options.identity) return false;
        } else await this.#pause(Math.min(this.#options.renewEvery / 4, 500), stop);
      }
    }
    return true;
  }

  #mayTake(): boolean {
    const holder = this.holder;
    if (holder === '' || holder === this.#options.identity) return true;
    return performance.now() >= this.#expires();
  }
  #expires(): number {
    return this.#seenAt + (this.#lease?.spec?.leaseDurationSeconds ?? this.#options.duration / 1000) * 1000;
  }

  /** False: somebody was faster. */
  async #take(): Promise<boolean> {
    const { identity, duration } = this.#options;
    const before = this.#lease?.spec;
    const now = microTime();
    try {
      await this.#write(
        {
          holderIdentity: identity,
          leaseDurationSeconds: Math.ceil(duration / 1000),
          acquireTime: now,
          renewTime: now,
          leaseTransitions: (before?.leaseTransitions ?? -1) + 1,
        },
        this.#closing.signal,
      );
      return true;
    } catch (error) {
      if (error instanceof KubeFault && error.code === 'KUBE_CONFLICT') return false;
      throw error;
    }
  }

  async #write(spec: Lease['spec'], signal: AbortSignal): Promise<void> {
    const { client, namespace, name, renewDeadline } = this.#options;
    const asked = performance.now();
    const exists = this.#lease !== undefined;
    const metadata = exists ? this.#lease!.metadata : { name, namespace };
    const lease = await client.request<Lease>({
      method: exists ? 'PUT' : 'POST',
      path: exists ? this.#path : this.#collection,
      body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec },
      timeout: renewDeadline,
      signal,
    });
    this.#see(lease);
    // Not from when the answer came: others count from when the server had it, which was not before we asked.
    this.#validUntil = asked + renewDeadline;
  }

  async #read(signal = this.#closing.signal): Promise<void> {
    try {
      this.#see(await this.#options.client.request<Lease>({ method: 'GET', path: this.#path, signal }));
    } catch (error) {
      if (!(error instanceof KubeFault) || error.code !== 'KUBE_NOT_FOUND') throw error;
      this.#lease = undefined;
    }
  }

  #tell(error: unknown, message: string): void {
    const what = `${message} ${error instanceof KubeFault ? error.code : String(error)}`;
    if (what !== this.#told) this.#options.log.warn({ err: error }, message);
    this.#told = what;
  }

  #see(lease: Lease): void {
    this.#told = '';
    if (lease.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion) this.#seenAt = performance.now();
    this.#lease = lease;
  }

  /** Until the lease may be taken. */
  async #changed(): Promise<void> {
    const { client, name } = this.#options;
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, this.#closing.signal]);
    let timer: NodeJS.Timeout | undefined;
    const expire = () => {
      const left = this.#expires() - performance.now();
      if (left > 0) timer = setTimeout(expire, left);
      else done.abort();
    };
    expire();
    try {
      const resourceVersion = this.#lease?.metadata.resourceVersion ?? '';
      for await (const { type, object } of client.watch({
        path: this.#collection,
        query: { fieldSelector: `metadata.name=${name}`, resourceVersion },
        signal,
        // The holder renews all the time, and if not, the timer ends it.
        idleTimeout: 2 ** 31 - 1,
      })) {
        if (type === 'DELETED') return;
        this.#see(object as unknown as Lease);
        if (this.#mayTake()) return;
      }
      if (!signal.aborted) await this.#pause(this.#options.renewEvery);
    } finally {
      clearTimeout(timer);
    }
  }

  async #release(): Promise<void> {
    const { client, log } = this.#options;
    if (this.#lease === undefined) return;
    const spec = { ...this.#lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: this.#lease.metadata, spec };
    try {
      await client.request({ method: 'PUT', path: this.#path, body, timeout: 2000 });
    } catch (error) {
      log.warn({ err: error }, 'leader election: the lease was not given back; others wait for it to run out');
    }
  }

  async #pause(ms: number, signal = this.#closing.signal): Promise<void> {
    await delay(ms * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {});
  }
}

/** metav1.MicroTime */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}

/** A client that writes only while we lead: whatever is asked of it later, or was held up on the way, is refused. */
export function whileLeading(client: KubeClient, election: Pick<LeaderElection, 'leading'>): KubeClient {
  return {
    server: client.server,
    namespace: client.namespace,
    request: (request) =>
      request.method === 'GET' || election.leading
        ? client.request(request)
        : Promise.reject(new KubeFault('KUBE_REFUSED', `${request.method} ${request.path}: not the leader`)),
    watch: (request) => client.watch(request),
    watchBatches: (request) => client.watchBatches(request),
    close: () => client.close(),
  };
}
