import * as grpc from '@grpc/grpc-js';
import { type ResourceType, resourceTypes } from '../../mesh/envoy/resource.ts';
import type { Protocol } from '../wire.ts';
import {
  type ClientResource,
  type ClientResponse,
  decodeResponse,
  encodeRequest,
  type Request,
} from './client-wire.ts';

export interface ClientOptions {
  readonly protocol: Protocol;
  readonly target: { readonly unix: string } | { readonly tcp: string; readonly tls: grpc.ChannelCredentials };
  readonly node?: string;
  /** What to refuse: a message, or undefined to accept. Asked once per resource of a response. */
  readonly refuse?: (resource: ClientResource) => string | undefined;
  /** On a refusal, the good resources of the response apply all the same (as Envoy's RDS) or none does (its SRDS). */
  readonly partial?: boolean;
  /** Answers are held until `answerAll`; default: each response is answered at once. */
  readonly manual?: boolean;
}

interface Subscription {
  wildcard: boolean;
  readonly names: Set<string>;
  /** State of the world: of the last response accepted, and of the last one at all. */
  version: string;
  nonce: string;
}

/**
 * An xDS client for tests: holds the state that Envoy would have, speaks real gRPC, answers by a predicate, and can be cut
 * off and resumed. It decodes with the generated protos, so it also checks our hand-made encoding.
 */
export class XdsClient {
  readonly options: ClientOptions;
  /** By type: what was accepted and not removed. */
  readonly state = new Map<ResourceType, Map<string, ClientResource>>();
  /** Every response since the start, in order, with our answer. */
  readonly log: { readonly response: ClientResponse; answer?: string }[] = [];
  /** How the last stream ended. */
  ended: grpc.StatusObject | undefined;
  #grpc: grpc.Client;
  #call: grpc.ClientDuplexStream<Buffer, Buffer> | undefined;
  #subscriptions = new Map<ResourceType, Subscription>();
  #unanswered: { readonly response: ClientResponse; answer?: string }[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(options: ClientOptions) {
    this.options = options;
    const { target } = options;
    const address = 'unix' in target ? `unix:${target.unix}` : target.tcp;
    const credentials = 'unix' in target ? grpc.credentials.createInsecure() : target.tls;
    this.#grpc = new grpc.Client(address, credentials, {
      'grpc.max_receive_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 50,
      // Tests start several servers on one path: each client has a connection of its own.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.default_authority': 'localhost',
      // Node refuses an IP address as a TLS server name.
      ...('tcp' in target ? { 'grpc.ssl_target_name_override': 'localhost' } : {}),
    });
    this.#open();
  }

  get(type: ResourceType, name: string): ClientResource | undefined {
    return this.state.get(type)?.get(name);
  }

  /** Names of what the client has. */
  names(type: ResourceType): string[] {
    return [...(this.state.get(type)?.keys() ?? [])].sort();
  }

  /** No names: all of the type. */
  subscribe(type: ResourceType, names: readonly string[] = []): void {
    const first = !this.#subscriptions.has(type);
    const subscription = this.#subscription(type);
    if (names.length === 0) subscription.wildcard = true;
    for (const name of names) subscription.names.add(name);
    if (this.options.protocol === 'sotw') this.#sendState(type);
    else this.send({ type, subscribe: names.length === 0 && !first ? ['*'] : names });
  }

  unsubscribe(type: ResourceType, names: readonly string[]): void {
    const subscription = this.#subscription(type);
    for (const name of names) {
      if (name === '*') subscription.wildcard = false;
      subscription.names.delete(name);
      this.state.get(type)?.delete(name);
    }
    if (this.options.protocol === 'sotw') this.#sendState(type);
    else this.send({ type, unsubscribe: names });
  }

  /** A request put together by the test. */
  send(request: Request): void {
    this.sendRaw(encodeRequest(this.options.protocol, request));
  }

  sendRaw(bytes: Uint8Array): void {
    this.#call?.write(Buffer.from(bytes));
  }

  /** Manual mode: responses that came and were not answered. */
  get unanswered(): readonly ClientResponse[] {
    return this.#unanswered.map(({ response }) => response);
  }

  /** Manual mode: answers what came so far, by the predicate. */
  answerAll(only: (response: ClientResponse) => boolean = () => true): void {
    const [now, later] = [
      this.#unanswered.filter(({ response }) => only(response)),
      this.#unanswered.filter(({ response }) => !only(response)),
    ];
    this.#unanswered = later;
    for (const entry of now) this.#answer(entry);
  }

  /** Cuts the stream, as a lost connection would. State and subscriptions stay. */
  disconnect(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#unanswered = [];
    call?.removeAllListeners('data');
    call?.cancel();
  }

  /** A new stream, resumed with what the client has. */
  reconnect(): void {
    this.disconnect();
    this.#open();
    for (const [type, subscription] of this.#subscriptions) {
      if (this.options.protocol === 'sotw') {
        subscription.nonce = '';
        this.#sendState(type);
        continue;
      }
      const { wildcard, names } = subscription;
      const versions: Record<string, string> = {};
      for (const [name, { version }] of this.state.get(type) ?? []) versions[name] = version;
      this.send({ type, subscribe: [...(wildcard ? ['*'] : []), ...names], versions });
    }
  }

  close(): void {
    this.disconnect();
    this.#grpc.close();
  }

  /** Resolves when `predicate` holds, tested after everything that happens; rejects after `timeout` ms, saying what is there. */
  until(predicate: () => boolean, what = 'condition', timeout = 10_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const test = () => {
        if (!predicate()) return;
        clearTimeout(timer);
        this.#waiting.delete(test);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(test);
        const last = this.log.slice(-8).map(({ response, answer }) => {
          const names = response.resources.map(({ name }) => name);
          return `${response.type} +[${names}] -[${response.removed}] ${answer === '' ? 'ACK' : answer}`;
        });
        const end = this.ended === undefined ? '' : `; stream ended: ${this.ended.code} ${this.ended.details}`;
        reject(new Error(`no ${what} within ${timeout} ms${end}; last responses:\n  ${last.join('\n  ')}`));
      }, timeout);
      this.#waiting.add(test);
      test();
    });
  }

  #open(): void {
    this.ended = undefined;
    const method = this.options.protocol === 'delta' ? 'DeltaAggregatedResources' : 'StreamAggregatedResources';
    const identity = (bytes: Buffer) => bytes;
    const path = `/envoy.service.discovery.v3.AggregatedDiscoveryService/${method}`;
    const call = this.#grpc.makeBidiStreamRequest<Buffer, Buffer>(path, identity, identity);
    this.#call = call;
    call.on('data', (bytes: Buffer) => {
      if (this.#call === call) this.#receive(decodeResponse(this.options.protocol, bytes));
    });
    call.on('status', (status) => {
      if (this.#call !== call) return;
      this.ended = status;
      this.#happened();
    });
    // The status event says it all; without a listener an error event would throw.
    call.on('error', () => {});
  }

  #receive(response: ClientResponse): void {
    const entry = { response };
    this.log.push(entry);
    this.#subscription(response.type).nonce = response.nonce;
    if (this.options.manual) this.#unanswered.push(entry);
    else this.#answer(entry);
    this.#happened();
  }

  #answer(entry: { readonly response: ClientResponse; answer?: string }): void {
    const { response } = entry;
    const { type, nonce } = response;
    const refusals = response.resources.map((resource) => this.options.refuse?.(resource));
    const error = refusals.filter((refusal) => refusal !== undefined).join('; ');
    entry.answer = error;
    if (error === '' || this.options.partial) {
      let held = this.state.get(type);
      const good = response.resources.filter((_, i) => refusals[i] === undefined);
      if (response.full && error === '') held = new Map();
      this.state.set(type, new Map([...(held ?? []), ...good.map((one): [string, ClientResource] => [one.name, one])]));
      for (const name of response.removed) this.state.get(type)?.delete(name);
    }
    const subscription = this.#subscription(type);
    if (error === '') subscription.version = response.version;
    if (this.options.protocol === 'sotw') this.#sendState(type, error);
    else this.send({ type, nonce, ...(error === '' ? {} : { error }) });
    this.#happened();
  }

  #sendState(type: ResourceType, error = ''): void {
    const { names, wildcard, version, nonce } = this.#subscription(type);
    const subscribe = [...(wildcard && names.size > 0 ? ['*'] : []), ...names];
    this.send({ type, subscribe, version, nonce, ...(error === '' ? {} : { error }) });
  }

  #subscription(type: ResourceType): Subscription {
    let subscription = this.#subscriptions.get(type);
    if (subscription === undefined) {
      subscription = { wildcard: false, names: new Set(), version: '', nonce: '' };
      this.#subscriptions.set(type, subscription);
    }
    return subscription;
  }

  #happened(): void {
    for (const test of this.#waiting) test();
  }
}

/** Every type that a client can ask for. */
export const allTypes = Object.keys(resourceTypes) as ResourceType[];
