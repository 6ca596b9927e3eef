import { type DatapathMaps, type MapState, type Stage, Stages } from '../../datapath/index.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Endpoint } from '../../network/endpoint/index.ts';
import { reserved } from '../../network/identity/index.ts';
import type { ChangeStep, PolicyEngine, SubjectPolicy } from '../../network/policy/index.ts';
import { hostPrefix, type Ipcache, type PrefixChange } from '../../network/routing/index.ts';
import { AddressStage } from './address-stage.ts';
import { EndpointStage } from './endpoint-stage.ts';
import type { FollowedNodes } from './follow-nodes.ts';
import { PolicyMapsWriter } from './policy-maps-writer.ts';
import { PolicyStage } from './policy-stage.ts';
import { PrefixStage } from './prefix-stage.ts';

/** The maps that the agent alone writes. */
export type KernelMaps = Pick<DatapathMaps, 'endpoints' | 'localAddresses' | 'ipcache4' | 'ipcache6' | 'policies'>;

export interface KernelStateOptions {
  readonly maps: KernelMaps;
  readonly engine: PolicyEngine;
  readonly ipcache: Ipcache;
  readonly audit: boolean;
  /** 0: there is no proxy. */
  readonly proxyPort: number;
  /** Who nodes are. */
  readonly nodes?: Pick<FollowedNodes, 'prepare' | 'settle'>;
  /** Before addresses become other identities together with policies, in several steps; and once again after the last one. */
  readonly aroundSplit?: () => void;
  /** Maps of others, whose entries may point at endpoints and addresses: filled after these, drained before them. */
  readonly further?: readonly Stage[];
}

/**
 * What the kernel's maps should say of endpoints, addresses and policies, and the one order in which they are told: nothing passes
 * that no policy allows, and nothing is dropped that one does, at any moment in between. A change costs what it touches. The stages:
 * entries of policies and who is behind which prefix, in up to three steps of the engine; then endpoints, which point at
 * policies; then addresses, which point at endpoints; then whatever else there is.
 */
export class KernelState {
  readonly policies: PolicyMapsWriter;
  readonly #engine: PolicyEngine;
  readonly #ipcache: Ipcache;
  readonly #nodes: KernelStateOptions['nodes'];
  readonly #aroundSplit: KernelStateOptions['aroundSplit'];
  readonly #policyStage: PolicyStage;
  readonly #prefixes: PrefixStage;
  readonly #endpoints: EndpointStage;
  readonly #addresses: AddressStage;
  /** What the engine's steps are about, and all of it. */
  readonly #rules: Stages;
  readonly #stages: Stages;
  #started = false;
  #revision = 0;

  /** @throws Fault where the maps cannot be read */
  constructor({ maps, engine, ipcache, audit, proxyPort, nodes, aroundSplit, further = [] }: KernelStateOptions) {
    this.#engine = engine;
    this.#ipcache = ipcache;
    this.#nodes = nodes;
    this.#aroundSplit = aroundSplit;
    this.policies = new PolicyMapsWriter(maps.policies, proxyPort);
    this.#policyStage = new PolicyStage(this.policies, (subject) => this.#endpoints.has(subject));
    this.#prefixes = new PrefixStage(maps, ipcache);
    this.#endpoints = new EndpointStage(maps.endpoints, this.policies, audit);
    this.#addresses = new AddressStage(maps.localAddresses);
    this.#rules = new Stages([this.#policyStage, this.#prefixes]);
    this.#stages = new Stages([this.#rules, this.#endpoints, this.#addresses, ...further]);
  }

  /** Of the rules that the maps stand for. */
  get revision(): number {
    return this.#revision;
  }

  set audit(audit: boolean) {
    this.#endpoints.audit = audit;
  }

  /** In force with the next `apply`; its subject stays the caller's to release, once `apply` has returned after it was replaced or removed. */
  setEndpoint(endpoint: Endpoint, subject: SubjectPolicy): void {
    this.#endpoints.set(endpoint, subject);
    this.#addresses.setEndpoint(endpoint);
    const pod = endpoint.pod.name === '' ? {} : { pod: { namespace: endpoint.pod.namespace, name: endpoint.pod.name } };
    this.#ipcache.set(
      ownerOf(endpoint.hostIfindex),
      hostPrefixes(endpoint).map((prefix) => ({
        ...{ prefix, identity: endpoint.identity ?? reserved.init, source: 'local', ...pod },
      })),
    );
  }

  deleteEndpoint(hostIfindex: number): void {
    if (!this.#endpoints.delete(hostIfindex)) return;
    this.#addresses.deleteEndpoint(hostIfindex);
    this.#ipcache.set(ownerOf(hostIfindex), []);
  }

  /** Every address of this node itself. */
  setHostAddresses(addresses: readonly string[]): void {
    this.#addresses.setNode(addresses);
  }

  /** Brings all that was said since the last time to the kernel. @throws Fault the first time, where a map cannot be read */
  apply(): void {
    this.#nodes?.prepare();
    this.#bring();
    if (this.#nodes?.settle()) this.#bring();
  }

  #bring(): void {
    const changes = this.#engine.flush();
    this.#revision = changes.revision;
    const moves = this.#ipcache.changes();
    // A node's address is another identity's before policies tell the two apart, an endpoint's once they have that identity's entries.
    const { nodes = [], others = [] } = Object.groupBy(moves, ({ source }) =>
      source === 'node' || source === 'kube-apiserver' ? 'nodes' : 'others',
    );
    const isSplit = this.#started && (nodes.length > 0 || changes.steps.some(hasNetworks));
    if (isSplit) this.#aroundSplit?.();
    if (changes.steps[0]?.kind === 'policies') this.#writeNodes(nodes.splice(0));
    for (const step of changes.steps) {
      for (const { subject } of step.subjects) this.#endpoints.touch(subject);
      this.#claim(step);
      if (step.kind === 'networks come') this.#prefixes.next(nodes.splice(0));
      if (step.kind === 'policies') this.#prefixes.next(others.splice(0));
      this.#prefixes.next(this.#ipcache.changes());
      if (!this.#started) continue;
      this.#policyStage.next(step);
      this.#rules.run();
    }
    this.#prefixes.next([...nodes, ...others]);
    // At the start all generations are new.
    if (this.#started) this.#endpoints.judgeAgain(moves);
    this.#stages.run();
    this.#started = true;
    if (this.#endpoints.canGoOn) this.#stages.run();
    // The steps may have taken long: what a program asked before the last one is no older than that.
    if (isSplit) this.#aroundSplit?.();
  }

  #writeNodes(changes: readonly PrefixChange[]): void {
    this.#prefixes.next(changes);
    if (this.#started) this.#prefixes.fill();
  }

  /**
   * Reads back what the maps hold and mends what somebody else changed; answers how many entries that were. It stops after each part of the
   * work: call `apply` before it goes on.
   */
  check(): Generator<void, number> {
    return this.#stages.check();
  }

  /** What is not as it should be. */
  faults(): Fault[] {
    return [...this.states().flatMap(({ fault }) => fault ?? []), ...this.#endpoints.faults()];
  }

  /** Of every map that is written, those of policies included. */
  states(): readonly MapState[] {
    return this.#stages.states();
  }

  /** Number of the map with an endpoint's policy. */
  policyOf(hostIfindex: number): number | undefined {
    return this.#endpoints.policyOf(hostIfindex);
  }

  /** Networks that policies tell apart from now on, or no longer. */
  #claim({ prefixes: { added, removed } }: ChangeStep): void {
    for (const { prefix, id } of added)
      this.#ipcache.set(`policy ${prefix.text}`, [{ prefix: prefix.text, identity: id, source: 'policy' }]);
    for (const { prefix } of removed) this.#ipcache.set(`policy ${prefix.text}`, []);
  }
}

const hasNetworks = ({ prefixes: { added, removed } }: ChangeStep): boolean => added.length + removed.length > 0;

const ownerOf = (hostIfindex: number) => `interface ${hostIfindex}`;

function hostPrefixes({ addresses }: Endpoint): string[] {
  return [addresses.ipv4, addresses.ipv6].filter((address) => address !== undefined).map(hostPrefix);
}
