import * as grpc from '@grpc/grpc-js';
import type { Meter } from '@opentelemetry/api';
import { Fault } from '../lib/fault.ts';
import type { Rejection, ResourceType } from '../mesh/envoy/resource.ts';
import type { ResourceCache } from './cache.ts';
import { type RejectionCallbacks, RejectionLedger } from './ledger.ts';
import { xdsMeters } from './metrics.ts';
import { Session } from './session.ts';
import { privateSocket } from './socket.ts';
import type { StreamStatus } from './status.ts';
import type { Owed, XdsLog } from './stream-context.ts';
import { InvalidRequest } from './subscription.ts';
import { AckWaiters } from './waiters.ts';
import type { Protocol } from './wire.ts';

export interface XdsOptions extends RejectionCallbacks {
  /** Holds the first complete set already: what a client asks for and is not there, it is told is gone. */
  readonly cache: ResourceCache;
  readonly log: XdsLog;
  /** Path of a Unix socket (mode 0600; a missing parent directory is made with mode 0700). */
  readonly unix?: string;
  readonly tcp?: {
    readonly address: string;
    /** 0: any free one; see {@link XdsServer.port}. */
    readonly port: number;
    /** PEM. Clients must present a certificate signed by `clientCa`. */
    readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa: Buffer };
  };
  /** Default: the global meter provider's. */
  readonly metrics?: Meter;
  /** ms to wait for an answer before what depends on it goes on without; default 3000. */
  readonly answerTimeout?: number;
}

export interface XdsServer {
  /** Of the TCP listener. */
  readonly port: number | undefined;
  status(): StreamStatus[];
  /** Every rejection that stands. */
  rejections(): Rejection[];
  /**
   * Resolves once every connected stream has answered all (of these types) up to a sequence of the cache. What a client
   * refused counts as answered once it is narrowed down. With no stream it resolves at once; what a client asks for only
   * because of what it was sent (endpoints of a new cluster) counts once it has asked.
   */
  waitAcked(sequence: number, types?: readonly ResourceType[]): Promise<void>;
  /** Sends a resource once more to clients that refused it, for something outside of it has changed: its port is free. */
  retry(type: ResourceType, name: string): void;
  /** Ends the streams, then closes; clients keep what they have. */
  close(): Promise<void>;
}

const service = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
const methods: Record<Protocol, string> = { delta: 'DeltaAggregatedResources', sotw: 'StreamAggregatedResources' };

const serverOptions: grpc.ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  // A reconnecting client names every resource that it has, with its version: 12 MB for 100,000.
  'grpc.max_receive_message_length': 64 << 20,
  // Chunks are small; a state-of-the-world response can't be cut.
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': 256,
};

type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

/** Serves a cache as aggregated xDS, delta and state of the world. Rejects with a Fault if it can't listen. */
export async function serveXds(options: XdsOptions): Promise<XdsServer> {
  const { cache, log, answerTimeout = 3000 } = options;
  const meters = xdsMeters(options.metrics);
  const ledger = new RejectionLedger(options);
  const sessions = new Map<Session, Call>();
  const waiters = new AckWaiters(sessions);
  const owed: Owed = new Map();
  let lastId = 0;

  const open = (protocol: Protocol) => (call: Call) => {
    const session = new Session({
      id: ++lastId,
      protocol,
      cache,
      ledger,
      meters,
      log,
      owed,
      answerTimeout,
      write: (message) => call.write(message),
      onProgress: () => waiters.check(),
    });
    sessions.set(session, call);
    meters.opened(protocol);
    const end = () => {
      if (!sessions.delete(session)) return;
      meters.closed(protocol);
      session.close();
      log.info({ stream: session.id, node: session.node?.id }, 'xDS stream ended');
    };
    call.on('data', (bytes: Buffer) => {
      if (session.closed) return;
      try {
        session.receive(bytes);
      } catch (error) {
        if (!(error instanceof InvalidRequest)) throw error;
        log.warn({ stream: session.id, reason: error.message }, 'xDS request refused');
        end();
        call.emit('error', { code: grpc.status.INVALID_ARGUMENT, details: error.message });
      }
    });
    call.on('drain', () => session.drained());
    call.on('end', () => {
      end();
      call.end();
    });
    for (const event of ['cancelled', 'close', 'error']) call.on(event, end);
  };

  const server = new grpc.Server(serverOptions);
  const identity = (bytes: Buffer) => bytes;
  const methodOf = (protocol: Protocol) => ({
    path: service + methods[protocol],
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  });
  server.addService(
    { [methods.delta]: methodOf('delta'), [methods.sotw]: methodOf('sotw') },
    { [methods.delta]: open('delta'), [methods.sotw]: open('sotw') },
  );

  const stopObserving = cache.observe((batch) => {
    for (const [type, names] of batch.changed) {
      for (const name of names) if (cache.get(type, name) === undefined) ledger.removed(type, name);
    }
    for (const session of sessions.keys()) session.update(batch);
    waiters.check();
  });
  let port: number | undefined;
  let removeSocket: (() => void) | undefined;
  try {
    if (options.unix !== undefined) {
      removeSocket = await privateSocket(options.unix, async (path) => {
        await bind(server, `unix:${path}`, grpc.ServerCredentials.createInsecure());
      });
    }
    if (options.tcp !== undefined) {
      const { address, tls } = options.tcp;
      const host = address.includes(':') ? `[${address}]` : address;
      const pairs = [{ cert_chain: tls.cert, private_key: tls.key }];
      const credentials = grpc.ServerCredentials.createSsl(tls.clientCa, pairs, true);
      port = await bind(server, `${host}:${options.tcp.port}`, credentials);
    }
  } catch (cause) {
    stopObserving();
    server.forceShutdown();
    removeSocket?.();
    throw Fault.from(cause, 'XDS_LISTEN', 'xDS server: listen', 'Is the address free, and the certificate right?');
  }

  let closing: Promise<void> | undefined;
  const close = async () => {
    stopObserving();
    removeSocket?.();
    for (const call of sessions.values()) call.end();
    await shutDown(server);
  };
  return {
    port,
    status: () => Array.from(sessions.keys(), (session) => session.status()),
    rejections: () => ledger.all(),
    waitAcked: (sequence, types) => waiters.wait(sequence, types),
    retry: (type, name) => {
      for (const session of sessions.keys()) session.retry(type, name);
    },
    close: () => (closing ??= close()),
  };
}

function bind(server: grpc.Server, address: string, credentials: grpc.ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

/** Clients see their streams end in good order; one that keeps its connection open is cut off after 2 s. */
function shutDown(server: grpc.Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), 2000);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
