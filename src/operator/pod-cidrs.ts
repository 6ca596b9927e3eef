import { type KubeClient, KubeFault, pathOf, type RawObject } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import { type ClusterPools, heldBy, lackingFamilies, type PodCidrPlan, planPodCidrs } from '../network/ipam/index.ts';
import { followKind } from './follow-kind.ts';
import { isOlder } from './live-objects.ts';
import { type CiliumNodePodCidrs, nodePodCidrs } from './pod-cidrs-of-node.ts';
import { type Reaction, WriteQueue } from './write-queue.ts';

export interface PodCidrsOptions {
  /** One that writes only while we lead. */
  readonly client: KubeClient;
  /** Made anew for each term: what a leader before us has given out is read from the API server. */
  readonly pools: () => ClusterPools;
  /** Mode cluster-pool-v2beta: more CIDRs for nodes that run low, and back what they don't need. */
  readonly byDemand: boolean;
  readonly log: Log;
}

/**
 * Gives Pod CIDRs to CiliumNodes. A CIDR is a node's from the moment at which it is chosen, whatever becomes of the write,
 * until an object is seen that has it no more: no answer that is lost gives it to two. Every write names the version of the
 * object that it was made for.
 *
 * A leader before us may have sent a write that has not arrived yet. It is for a node that lacks something, at the version that
 * we know as well: so these nodes are written to first, which voids it, and only then anything is given out.
 */
export class PodCidrs {
  readonly #options: PodCidrsOptions;
  readonly #queue: WriteQueue;
  readonly #nodes = new Map<string, CiliumNodePodCidrs>();
  /** By node: given, and not seen in its object yet. */
  readonly #pending = new Map<string, Set<string>>();
  /** Nodes, with their versions, for which a write of a leader before us may still be under way. */
  readonly #unfenced = new Map<string, string>();
  /** Those for whom the pools had nothing. */
  readonly #hungry = new Set<string>();
  #pools: ClusterPools;
  #abort = new AbortController();
  /** Different in each term. */
  #term = '';
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: PodCidrsOptions) {
    this.#options = options;
    this.#pools = options.pools();
    this.#queue = new WriteQueue({
      concurrency: 8,
      rate: 100,
      burst: 200,
      // Nodes that can't run any Pod come first.
      priorityOf: (name) => (this.#nodes.get(name)?.listed.length === 0 ? 0 : 1),
      prepare: (name) => this.#prepare(name),
      onError: (name, error) => this.#failed(name, error),
    });
  }

  /** Nodes that lack something, since the pools are empty. */
  get hungry(): number {
    return this.#hungry.size;
  }

  /** Nothing is given out before every node has been read. */
  start(): void {
    this.#abort = new AbortController();
    this.#pools = this.#options.pools();
    this.#term = new Date().toISOString();
    let isFenced = false;
    this.#running = followKind({
      client: this.#options.client,
      kind: 'CiliumNode',
      signal: this.#abort.signal,
      onFault: (fault) => this.#options.log.warn({ err: fault }, 'Pod CIDRs: CiliumNodes cannot be read'),
      set: (object) => this.#queue.add(this.#set(object)),
      delete: (name) => this.#delete(name),
      complete: () => {
        if (!isFenced) this.#fence();
        isFenced = true;
        this.#queue.start();
        for (const name of this.#nodes.keys()) this.#queue.add(name);
      },
    });
  }

  stop(): void {
    this.#queue.stop();
    this.#abort.abort(new KubeFault('KUBE_REFUSED', 'Pod CIDRs: not the leader any more'));
    this.#nodes.clear();
    this.#pending.clear();
    this.#hungry.clear();
    this.#unfenced.clear();
  }

  async idle(): Promise<void> {
    await Promise.all([this.#queue.idle(), this.#abort.signal.aborted ? this.#running : undefined]);
  }

  #set(object: RawObject): string {
    const node = nodePodCidrs(object);
    const { name } = node;
    const known = this.#nodes.get(name);
    if (known?.uid === node.uid && isOlder(node.resourceVersion, known.resourceVersion)) return name;
    this.#nodes.set(name, node);
    if (this.#unfenced.get(name) !== node.resourceVersion) this.#voided(name);
    const held = heldBy(node);
    const pending = this.#pending.get(name) ?? new Set();
    for (const text of held) {
      pending.delete(text);
      this.#pools.claim(name, text);
    }
    if (pending.size === 0) this.#pending.delete(name);
    for (const text of [...this.#pools.cidrsOf(name)])
      if (!held.has(text) && !pending.has(text)) this.#free(() => this.#pools.release(name, text));
    return name;
  }

  #delete(name: string): void {
    this.#nodes.delete(name);
    this.#pending.delete(name);
    this.#hungry.delete(name);
    this.#voided(name);
    this.#queue.drop(name);
    this.#free(() => this.#pools.releaseAll(name));
  }

  #fence(): void {
    const { families } = this.#pools;
    for (const [name, node] of this.#nodes)
      if (lackingFamilies(node, families, this.#options.byDemand).length > 0)
        this.#unfenced.set(name, node.resourceVersion);
  }

  /** Whatever was under way to this node is void. */
  #voided(name: string): void {
    if (!this.#unfenced.delete(name) || this.#unfenced.size > 0) return;
    for (const each of this.#nodes.keys()) this.#queue.add(each);
  }

  #free(release: () => void): void {
    release();
    for (const name of this.#hungry) this.#queue.add(name);
  }

  #prepare(name: string): (() => Promise<void>) | undefined {
    const node = this.#nodes.get(name);
    if (node === undefined) return undefined;
    if (this.#unfenced.size > 0) return this.#unfenced.has(name) ? () => this.#touch(node) : undefined;
    const plan = planPodCidrs(node, this.#pools, this.#options.byDemand, this.#pending.get(name) ?? new Set());
    const added = plan.podCidrs.filter((text) => !node.listed.includes(text));
    if (added.length > 0) this.#pending.set(name, new Set(added));
    if (plan.error === '') this.#hungry.delete(name);
    else this.#hungry.add(name);
    const differs = !sameTexts(plan.podCidrs, node.listed);
    if (!differs && plan.error === node.error) return undefined;
    return () => this.#write(node, plan, differs);
  }

  async #touch(node: CiliumNodePodCidrs): Promise<void> {
    const { name } = node;
    const answer = await this.#options.client.request<RawObject>({
      method: 'PATCH',
      path: pathOf('CiliumNode', { name }),
      contentType: 'application/merge-patch+json',
      body: { metadata: { ...versionOf(node), annotations: { [termAnnotation]: this.#term } } },
      signal: this.#abort.signal,
    });
    if (this.#nodes.get(name)?.uid === node.uid) this.#set(answer);
  }

  async #write(node: CiliumNodePodCidrs, { podCidrs, error }: PodCidrPlan, differs: boolean): Promise<void> {
    const { client } = this.#options;
    const { signal } = this.#abort;
    const { name } = node;
    if (differs) {
      const answer = await client.request<RawObject>({
        method: 'PATCH',
        path: pathOf('CiliumNode', { name }),
        contentType: 'application/merge-patch+json',
        body: { metadata: versionOf(node), spec: { ipam: { podCIDRs: podCidrs } } },
        signal,
      });
      if (this.#nodes.get(name)?.uid === node.uid) this.#set(answer);
    }
    const known = this.#nodes.get(name);
    if (known === undefined || known.uid !== node.uid || known.error === error) return;
    if (error !== '') this.#options.log.warn({ node: name, problem: error }, 'Pod CIDRs: not all that the node needs');
    const answer = await client.request<RawObject>({
      method: 'PATCH',
      path: pathOf('CiliumNode', { name, subresource: 'status' }),
      contentType: 'application/merge-patch+json',
      body: { status: { ipam: { 'operator-status': { error: error === '' ? null : error } } } },
      signal,
    });
    if (this.#nodes.get(name)?.uid === node.uid) this.#set(answer);
  }

  #failed(name: string, error: unknown): Reaction {
    if (this.#abort.signal.aborted || !this.#nodes.has(name)) return 'drop';
    const fault = error instanceof KubeFault ? error : undefined;
    // What the API server finds wrong with the object it would find wrong with any write.
    if (fault?.code === 'KUBE_INVALID') this.#voided(name);
    // Gone: the watch tells.
    if (fault?.code === 'KUBE_NOT_FOUND') return { after: 5_000 };
    // The watch brings what was written in between, and it is looked at again.
    if (fault?.code === 'KUBE_CONFLICT') return 'back off';
    this.#options.log.warn({ err: error, node: name }, 'Pod CIDRs: CiliumNode not written');
    if (fault?.retryAfter !== undefined) this.#queue.pause(fault.retryAfter);
    return fault === undefined || fault.transient ? 'back off' : { after: 30_000 };
  }
}

/** Since when the leader that wrote last has been leading: of no use but to make a new version of the object. */
const termAnnotation = 'ipam.sluice.dev/term';

/** With the uid, a node that was made anew under the same name is another one. */
const versionOf = ({ uid, resourceVersion }: CiliumNodePodCidrs) => ({ uid, resourceVersion });

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);
