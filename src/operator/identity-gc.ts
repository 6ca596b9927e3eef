import { type KubeClient, KubeFault, pathOf, type RawObject } from '../kube/index.ts';
import { isObject } from '../lib/is-object.ts';
import type { Log } from '../lib/log.ts';
import { CLUSTER_IDENTITIES, UNUSED_MARK } from '../network/identity/index.ts';
import { listPages } from './list-pages.ts';
import { Periodic } from './periodic.ts';

export interface IdentityGcOptions {
  /** One that writes only while we lead. */
  readonly client: KubeClient;
  /** ms between two looks at all identities and endpoints. */
  readonly interval: number;
  /** ms for which an identity stays though nobody has it: agents are slower than this at nothing. */
  readonly grace: number;
  readonly log: Log;
  /** ms, monotonic. */
  readonly now?: () => number;
}

/** Since when an identity has been seen unused, and as of which version. */
interface Sighting {
  readonly uid: string;
  readonly version: string;
  readonly since: number;
}

/**
 * Deletes CiliumIdentities that no CiliumEndpoint has. One that is unused is marked first; it is deleted when it was seen so,
 * and unchanged, at every look for as long as the grace lasts. A number must not become somebody else's while packets with
 * the old meaning are under way: hence the grace; that an agent takes one up at the last moment is what the mark is for.
 */
export class IdentityGc {
  readonly #options: IdentityGcOptions;
  readonly #now: () => number;
  readonly #periodic: Periodic;
  readonly #sightings = new Map<string, Sighting>();
  deleted = 0;

  constructor(options: IdentityGcOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#periodic = new Periodic({
      interval: options.interval,
      what: 'unused identities',
      log: options.log,
      pass: (signal) => this.pass(signal),
    });
  }

  start(): void {
    this.#sightings.clear();
    this.#periodic.start();
  }
  stop(): void {
    this.#periodic.stop();
  }
  idle(): Promise<void> {
    return this.#periodic.idle();
  }

  /** One look, with what follows from it. */
  async pass(signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const identities: RawObject[] = [];
    for await (const page of listPages({ client, kind: 'CiliumIdentity', signal, metadataOnly: true }))
      for (const identity of page) if (isNumbered(identity)) identities.push(identity);
    // Afterwards: an endpoint that has one of these identities is in this list, or its agent takes the mark off.
    const used = new Set<string>();
    for await (const page of listPages({ client, kind: 'CiliumEndpoint', signal }))
      for (const endpoint of page) {
        const id = identityOf(endpoint);
        if (id !== undefined) used.add(id);
      }
    const names = new Set(identities.map(nameOf));
    for (const name of this.#sightings.keys()) if (!names.has(name)) this.#sightings.delete(name);
    for (const identity of identities) {
      signal.throwIfAborted();
      await this.#judge(identity, used.has(nameOf(identity)), signal).catch((error: unknown) => {
        // Somebody was faster: the next look tells.
        const code = error instanceof KubeFault ? error.code : '';
        if (code !== 'KUBE_CONFLICT' && code !== 'KUBE_NOT_FOUND') throw error;
      });
    }
  }

  async #judge(identity: RawObject, isUsed: boolean, signal: AbortSignal): Promise<void> {
    const name = nameOf(identity);
    const isMarked = identity.metadata?.annotations?.[UNUSED_MARK] !== undefined;
    if (isUsed) {
      this.#sightings.delete(name);
      if (isMarked) await this.#mark(identity, null, signal);
      return;
    }
    if (!isMarked) {
      this.#sightings.delete(name);
      this.#see(await this.#mark(identity, new Date().toISOString(), signal));
      return;
    }
    const seen = this.#sightings.get(name);
    // A leader before us marked it, or somebody has written to it: a sign of life.
    if (seen === undefined || seen.uid !== uidOf(identity) || seen.version !== identity.metadata?.resourceVersion) {
      this.#see(identity);
      return;
    }
    if (this.#now() - seen.since < this.#options.grace) return;
    await this.#options.client.request({
      method: 'DELETE',
      path: pathOf('CiliumIdentity', { name }),
      body: { preconditions: { uid: seen.uid, resourceVersion: seen.version } },
      signal,
    });
    this.#sightings.delete(name);
    this.deleted++;
    this.#options.log.info({ identity: name }, 'no endpoint has had this identity for long: deleted');
  }

  #see(identity: RawObject): void {
    const version = identity.metadata?.resourceVersion ?? '';
    this.#sightings.set(nameOf(identity), { uid: uidOf(identity), version, since: this.#now() });
  }

  #mark(identity: RawObject, value: string | null, signal: AbortSignal): Promise<RawObject> {
    const { uid, resourceVersion } = identity.metadata ?? {};
    return this.#options.client.request<RawObject>({
      method: 'PATCH',
      path: pathOf('CiliumIdentity', { name: nameOf(identity) }),
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid, resourceVersion, annotations: { [UNUSED_MARK]: value } } },
      signal,
    });
  }
}

const nameOf = ({ metadata }: RawObject): string => metadata?.name ?? '';
const uidOf = ({ metadata }: RawObject): string => String(metadata?.uid ?? '');

/** Of this cluster's own range: what is called otherwise is none of ours. */
function isNumbered(identity: RawObject): boolean {
  const name = nameOf(identity);
  const id = Number(name);
  return /^[1-9]\d*$/.test(name) && id >= CLUSTER_IDENTITIES.first && id <= CLUSTER_IDENTITIES.last;
}

function identityOf({ status }: RawObject): string | undefined {
  const identity = isObject(status) ? status.identity : undefined;
  const id = isObject(identity) ? identity.id : undefined;
  return typeof id === 'number' ? `${id}` : undefined;
}
