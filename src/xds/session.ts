import { fromBinary } from '@bufbuild/protobuf';
import type { Node } from '../gen/envoy/config/core/v3/base_pb.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { type ResourceType, resourceTypes } from '../mesh/envoy/resource.ts';
import { acknowledge, refuse } from './answers.ts';
import type { CacheBatch, ResourceCache } from './cache.ts';
import { isOutstanding } from './gate.ts';
import type { RejectionLedger } from './ledger.ts';
import type { XdsMeters } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { type StreamStatus, streamStatus } from './status.ts';
import {
  leaveDebts,
  markNow,
  type Owed,
  type StreamContext,
  stateOf,
  takeDebts,
  type XdsLog,
} from './stream-context.ts';
import { interested, markRemoval, markUpdate, newTypeState, type TypeState } from './stream-state.ts';
import { checkNames, InvalidRequest, setNames, subscribe, unsubscribe } from './subscription.ts';
import type { Protocol } from './wire.ts';

const typeByUrl = new Map(Object.entries(resourceTypes).map(([type, url]) => [url as string, type as ResourceType]));

/** ms in which a client that reconnects names all that it has; Envoy takes a few. */
const resumeGrace = 500;

export interface SessionOptions {
  readonly id: number;
  readonly protocol: Protocol;
  readonly cache: ResourceCache;
  readonly ledger: RejectionLedger;
  readonly meters: XdsMeters;
  readonly log: XdsLog;
  /** Shared by the sessions of a server. */
  readonly owed: Owed;
  readonly write: (message: Buffer) => boolean;
  /** ms. */
  readonly answerTimeout: number;
  /** Called after anything happened that may have settled something. */
  readonly onProgress: () => void;
}

/** One ADS stream, without its transport. Each message in is worked off, and everything that may go is sent, at once. */
export class Session implements StreamContext {
  readonly id: number;
  readonly protocol: Protocol;
  readonly cache: ResourceCache;
  readonly ledger: RejectionLedger;
  readonly meters: XdsMeters;
  readonly log: XdsLog;
  readonly states: ReadonlyMap<ResourceType, TypeState>;
  readonly refusing: StreamContext['refusing'] = new Map();
  closed = false;
  /** From the first request that has a node. */
  node: { readonly id: string; readonly version: string } | undefined;
  readonly #outbox: Outbox;
  readonly #owed: Owed;
  readonly #onProgress: () => void;
  readonly #unknown = new Set<string>();

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.protocol = options.protocol;
    this.cache = options.cache;
    this.ledger = options.ledger;
    this.meters = options.meters;
    this.log = options.log;
    this.states = new Map(typeByUrl.values().map((type) => [type, newTypeState(type)]));
    this.#owed = options.owed;
    this.#onProgress = options.onProgress;
    this.#outbox = new Outbox({ stream: this, write: options.write, answerTimeout: options.answerTimeout });
  }

  /** A request as it came. Throws {@link InvalidRequest} if the stream must end for it. */
  receive(bytes: Uint8Array): void {
    if (this.protocol === 'delta') this.#receiveDelta(decode(DeltaDiscoveryRequestSchema, bytes));
    else this.#receiveSotw(decode(DiscoveryRequestSchema, bytes));
    this.#outbox.pump();
    this.#onProgress();
  }

  /** The cache changed. */
  update({ sequence, at, changed }: CacheBatch): void {
    const mark = { sequence, at };
    for (const [type, names] of changed) {
      const state = this.states.get(type) as TypeState;
      if (!state.started) continue;
      for (const name of names) {
        if (!interested(state, name)) continue;
        if (this.cache.get(type, name) === undefined) markRemoval(state, name, mark);
        else markUpdate(state, name, mark);
      }
    }
    this.#outbox.pump();
  }

  /** A resource that the client refused as a whole is sent once more. */
  retry(type: ResourceType, name: string): void {
    const state = stateOf(this, type);
    const entry = state.entries.get(name);
    if (entry?.trouble?.bad === undefined) return;
    entry.trouble = undefined;
    markUpdate(state, name, markNow(this));
    this.#outbox.pump();
    this.#onProgress();
  }

  /** The transport takes more. */
  drained(): void {
    this.#outbox.drained();
    this.#onProgress();
  }

  /** Takes the client to have named everything that it resumes with. Called by itself some time after a reconnect. */
  resumed(): void {
    this.#outbox.resumed();
  }

  close(): void {
    this.closed = true;
    if (this.node !== undefined) leaveDebts(this, this.node.id, this.#owed);
    this.#outbox.close();
    this.#onProgress();
  }

  /** Whether anything of the batches up to `sequence` is unsent or unanswered. */
  outstanding(sequence: number, types?: readonly ResourceType[]): boolean {
    const held = this.#outbox.held();
    for (const [type, state] of this.states) {
      if (!state.started || (types !== undefined && !types.includes(type))) continue;
      const kept = type === 'clusters' ? held.clusters : type === 'endpoints' ? held.endpoints : undefined;
      if (isOutstanding(state, sequence, kept ?? new Set())) return true;
    }
    return false;
  }

  status(): StreamStatus {
    return streamStatus(this, this.node);
  }

  #receiveDelta(request: DeltaDiscoveryRequest): void {
    const state = this.#open(request.typeUrl, request.node);
    if (state === undefined) return;
    const { resourceNamesSubscribe: names, initialResourceVersions: versions } = request;
    checkNames(state, names);
    checkNames(state, request.resourceNamesUnsubscribe);
    const first = !state.started;
    state.started = true;
    if (request.responseNonce !== '') {
      this.#answer(state, request.responseNonce, request.errorDetail?.message, request.errorDetail !== undefined);
    }
    if (first && Object.keys(versions).length > 0) this.#outbox.resume(resumeGrace);
    unsubscribe(this, state, request.resourceNamesUnsubscribe);
    subscribe(this, state, names, first, first ? versions : {});
  }

  #receiveSotw(request: DiscoveryRequest): void {
    const state = this.#open(request.typeUrl, request.node);
    if (state === undefined) return;
    checkNames(state, request.resourceNames);
    const first = !state.started;
    state.started = true;
    if (request.responseNonce !== '' && !first) {
      if (request.responseNonce !== state.lastNonce) {
        // A newer response is on its way: the client will say the same again in answer to that.
        this.meters.ignored('stale_nonce');
        return;
      }
      this.#answer(state, request.responseNonce, request.errorDetail?.message, request.errorDetail !== undefined);
    }
    setNames(this, state, request.resourceNames, first, request.versionInfo);
  }

  #answer(state: TypeState, nonce: string, message: string | undefined, refused: boolean): void {
    const flight = state.flights.get(nonce);
    if (flight === undefined) {
      // State of the world repeats the nonce of what it has answered whenever its names change.
      if (this.protocol === 'delta') this.meters.ignored('stale_nonce');
      return;
    }
    state.flights.delete(nonce);
    if (refused) refuse(this, state, flight, message ?? '');
    else acknowledge(this, state, flight);
  }

  #open(url: string, node: Node | undefined): TypeState | undefined {
    if (node !== undefined && this.node === undefined) {
      const { userAgentVersionType: agent } = node;
      const build = agent.case === 'userAgentBuildVersion' ? agent.value.version : undefined;
      const named = agent.case === 'userAgentVersion' ? agent.value : '';
      const version = build ? `${build.majorNumber}.${build.minorNumber}.${build.patch}` : named;
      this.node = { id: node.id.slice(0, 256), version: version.slice(0, 64) };
      takeDebts(this, this.node.id, this.#owed);
      this.log.info({ stream: this.id, protocol: this.protocol, ...this.node }, 'xDS client connected');
    }
    const type = typeByUrl.get(url);
    if (type !== undefined) return this.states.get(type);
    this.meters.ignored('unknown_type');
    const shown = url.slice(0, 200);
    if (this.#unknown.size < 16 && !this.#unknown.has(shown)) {
      this.#unknown.add(shown);
      this.log.warn({ stream: this.id, typeUrl: shown }, 'xDS client asked for a type that is not served');
    }
    return undefined;
  }
}

function decode<T extends typeof DeltaDiscoveryRequestSchema | typeof DiscoveryRequestSchema>(
  schema: T,
  bytes: Uint8Array,
) {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new InvalidRequest('not a discovery request', { cause });
  }
}
