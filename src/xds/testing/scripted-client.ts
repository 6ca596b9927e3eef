import { createNoopMeter } from '@opentelemetry/api';
import { assert } from '../../lib/fault.ts';
import type { ResourceType } from '../../mesh/envoy/resource.ts';
import type { ResourceCache } from '../cache.ts';
import { RejectionLedger } from '../ledger.ts';
import { xdsMeters } from '../metrics.ts';
import { mentions, routeTableOf } from '../references.ts';
import { Session } from '../session.ts';
import type { Owed } from '../stream-context.ts';
import type { Protocol } from '../wire.ts';
import {
  type ClientResource,
  type ClientResponse,
  decodeResponse,
  encodeRequest,
  type Request,
} from './client-wire.ts';

export interface ScriptedOptions {
  readonly cache: ResourceCache;
  readonly protocol: Protocol;
  readonly partial: boolean;
  readonly refuse: (body: Uint8Array) => boolean;
}

const wildcards: readonly ResourceType[] = ['clusters', 'listeners', 'scoped-routes'];
const followed: readonly ResourceType[] = ['endpoints', 'routes'];
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

interface Stream {
  readonly unanswered: Map<ResourceType, { response: ClientResponse; error: string }[]>;
  /** Types of which a response was right on this stream: a refused one leaves the client as it was before. */
  readonly begun: Set<ResourceType>;
}

/**
 * A client whose every step a test decides: it takes in responses as they come, as Envoy does, and answers when told. Like
 * Envoy it asks for the endpoints of its clusters and the tables of its scopes. It checks what a client can see of make
 * before break: no table before the ACK of a new cluster that it names, no cluster gone while a table names it, endpoints
 * for every cluster that is made or changed.
 */
export class ScriptedClient {
  readonly ledger = new RejectionLedger({});
  session: Session;
  readonly #options: ScriptedOptions;
  readonly #state = new Map<ResourceType, Map<string, ClientResource>>();
  readonly #names = new Map<ResourceType, Set<string>>(followed.map((type) => [type, new Set()]));
  readonly #versions = new Map<ResourceType, string>();
  /** Delta: what it says that it has when it comes back, by name. Like Envoy it counts nothing of a response that it refused. */
  readonly #claims = new Map<ResourceType, Map<string, string>>();
  readonly #owed: Owed = new Map();
  #nonces = new Map<ResourceType, string>();
  #stream: Stream = { unanswered: new Map(), begun: new Set() };
  #outgoing: Request[] = [];
  #writable = true;
  /** Clusters that wait for endpoints. */
  readonly warming = new Set<string>();
  /** Of `followed`, asked for and neither come nor said not to be there. State of the world cannot say the latter. */
  readonly asked = new Map<ResourceType, Set<string>>(followed.map((type) => [type, new Set()]));
  /** New clusters taken in and not acknowledged. */
  readonly #unconfirmed = new Set<string>();
  /** `cluster table`: the cache itself had the table name the cluster when that was gone. */
  readonly #dangling = new Set<string>();

  constructor(options: ScriptedOptions) {
    this.#options = options;
    this.session = this.#open();
    options.cache.observe((batch) => {
      for (const [type, names] of batch.changed) {
        for (const name of names) if (options.cache.get(type, name) === undefined) this.ledger.removed(type, name);
      }
      this.#noteDangling();
      this.session.update(batch);
    });
    this.#subscribeAll();
  }

  state(type: ResourceType): ReadonlyMap<string, ClientResource> {
    return this.#state.get(type) ?? new Map();
  }

  /** Sends what following references has led to. */
  flush(): void {
    for (let request = this.#outgoing.shift(); request !== undefined; request = this.#outgoing.shift()) {
      this.session.receive(encodeRequest(this.#options.protocol, request));
    }
  }

  /** Answers the oldest response of one type; false if there is none. */
  answer(pick: number): boolean {
    const waiting = [...this.#stream.unanswered].filter(([, list]) => list.length > 0);
    const [type, list] = waiting[pick % waiting.length] ?? [];
    const entry = list?.shift();
    if (type === undefined || entry === undefined) return false;
    const { response, error } = entry;
    const { nonce } = response;
    if (type === 'clusters' && error === '') {
      for (const { name } of response.resources) this.#unconfirmed.delete(name);
    }
    const answer: Request = { type, nonce, ...(error === '' ? {} : { error }) };
    this.#nonces.set(type, nonce);
    this.#send(this.#options.protocol === 'delta' ? answer : { ...answer, ...this.#sotwFields(type), nonce });
    this.flush();
    return true;
  }

  block(): void {
    this.#writable = false;
  }

  drain(): void {
    this.#writable = true;
    this.session.drained();
  }

  reconnect(): void {
    this.session.close();
    this.#outgoing = [];
    this.#nonces = new Map();
    this.#stream = { unanswered: new Map(), begun: new Set() };
    this.#unconfirmed.clear();
    this.#writable = true;
    this.session = this.#open();
    this.#subscribeAll();
  }

  /** Answers everything until nothing comes any more. */
  settle(): void {
    this.drain();
    this.flush();
    this.session.resumed();
    for (let rounds = 0; this.answer(0); rounds++) assert(rounds < 2000, 'the exchange does not come to an end');
  }

  #open(): Session {
    const { cache, protocol } = this.#options;
    return new Session({
      id: 1,
      cache,
      protocol,
      ledger: this.ledger,
      meters: xdsMeters(createNoopMeter()),
      log: quiet,
      owed: this.#owed,
      answerTimeout: 1 << 30,
      write: (message) => {
        this.#receive(decodeResponse(protocol, message));
        return this.#writable;
      },
      onProgress: () => {},
    });
  }

  #subscribeAll(): void {
    for (const type of [...wildcards, ...followed]) {
      const names = [...(this.#names.get(type) ?? [])];
      if (followed.includes(type) && names.length === 0) continue;
      const claims = this.#claims.get(type) ?? new Map<string, string>();
      const versions = Object.fromEntries(claims);
      const wildcard = wildcards.includes(type);
      if (!wildcard) this.asked.set(type, new Set(names.filter((name) => !claims.has(name))));
      if (this.#options.protocol === 'delta') this.#send({ type, subscribe: wildcard ? ['*'] : names, versions });
      else this.#send({ type, ...this.#sotwFields(type) });
    }
    this.flush();
  }

  #sotwFields(type: ResourceType): Request {
    const nonce = this.#nonces.get(type) ?? '';
    return { subscribe: [...(this.#names.get(type) ?? [])], version: this.#versions.get(type) ?? '', nonce };
  }

  #send(request: Request): void {
    this.#outgoing.push(request);
  }

  #receive(response: ClientResponse): void {
    const { type, full } = response;
    const bad = response.resources.filter(({ body }) => this.#options.refuse(body));
    const error = bad.map(({ name }) => `${name.length} characters`).join();
    const unanswered = this.#stream.unanswered.get(type) ?? [];
    this.#stream.unanswered.set(type, unanswered);
    unanswered.push({ response, error });
    if (error === '') this.#versions.set(type, response.version);
    const claims = this.#claims.get(type) ?? new Map<string, string>();
    this.#claims.set(type, claims);
    const held = this.#state.get(type) ?? new Map<string, ClientResource>();
    this.#state.set(type, held);
    const good = error === '' || this.#options.partial ? response.resources.filter((one) => !bad.includes(one)) : [];
    for (const resource of good) {
      // Not asked for: Envoy drops it.
      if (followed.includes(type) && !this.#names.get(type)?.has(resource.name)) continue;
      this.#takeIn(resource, held);
      if (error === '') claims.set(resource.name, resource.version);
    }
    for (const { name } of response.resources) this.asked.get(type)?.delete(name);
    const present = new Set(response.resources.map(({ name }) => name));
    const gone = full && error === '' ? [...held.keys()].filter((name) => !present.has(name)) : response.removed;
    for (const name of gone) {
      // One that came in a refused response may go and come again while the guilty one is looked for.
      if (type === 'clusters' && !this.#unconfirmed.delete(name)) this.#checkUnused(name);
      held.delete(name);
      claims.delete(name);
      this.asked.get(type)?.delete(name);
      if (type === 'endpoints') this.warming.delete(name);
    }
    if (error === '') this.#stream.begun.add(type);
    if (type === 'clusters') this.#follow('endpoints', new Set([...held.keys()].map((name) => `${name}-eds`)));
    if (type === 'scoped-routes') {
      const tables = [...held.values()].map((scope) => routeTableOf({ ...scope, origins: [] }) ?? '');
      this.#follow('routes', new Set(tables));
    }
  }

  #takeIn(resource: ClientResource, held: Map<string, ClientResource>): void {
    const { type, name, body } = resource;
    const before = held.get(name);
    held.set(name, resource);
    if (type === 'clusters') {
      if (before === undefined) this.#unconfirmed.add(name);
      if (before === undefined || Buffer.compare(before.body, body) !== 0) this.warming.add(`${name}-eds`);
    }
    if (type === 'endpoints') this.warming.delete(name);
    if (type === 'routes') {
      for (const cluster of this.#unconfirmed) {
        // Came in a refused response, and is to go again or refused itself by now.
        const present = this.#options.cache.get('clusters', cluster);
        if (present === undefined || this.#options.refuse(present.body)) continue;
        assert(!mentions({ ...resource, origins: [] }, cluster), `table ${name} came before the ACK of ${cluster}`);
      }
    }
  }

  #follow(type: ResourceType, wanted: Set<string>): void {
    const before = this.#names.get(type) ?? new Set();
    const subscribe = [...wanted].filter((name) => !before.has(name));
    const unsubscribe = [...before].filter((name) => !wanted.has(name));
    if (subscribe.length + unsubscribe.length === 0) return;
    this.#names.set(type, wanted);
    for (const name of subscribe) this.asked.get(type)?.add(name);
    for (const name of unsubscribe) this.asked.get(type)?.delete(name);
    for (const name of unsubscribe) {
      this.#state.get(type)?.delete(name);
      this.#claims.get(type)?.delete(name);
      this.warming.delete(name);
    }
    if (this.#options.protocol === 'delta') this.#send({ type, subscribe, unsubscribe });
    else this.#send({ type, ...this.#sotwFields(type) });
  }

  #checkUnused(cluster: string): void {
    // A state-of-the-world stream starts with what is there now, whatever the client held before.
    if (this.#options.protocol === 'sotw' && !this.#stream.begun.has('clusters')) return;
    for (const [name, table] of this.state('routes')) {
      // State of the world can't say that a table is gone.
      if (this.#options.protocol === 'sotw' && this.#options.cache.get('routes', name) === undefined) continue;
      const used = mentions({ ...table, origins: [] }, cluster);
      assert(!used || this.#dangling.has(`${cluster} ${name}`), `cluster ${cluster} went while table ${name} names it`);
    }
  }

  #noteDangling(): void {
    const { cache } = this.#options;
    for (const pair of this.#dangling) {
      if (cache.get('clusters', pair.split(' ')[0] as string) !== undefined) this.#dangling.delete(pair);
    }
    for (const [name, table] of cache.all('routes')) {
      for (const cluster of ['c0', 'c1', 'c2']) {
        if (cache.get('clusters', cluster) === undefined && mentions(table, cluster)) {
          this.#dangling.add(`${cluster} ${name}`);
        }
      }
    }
  }
}
