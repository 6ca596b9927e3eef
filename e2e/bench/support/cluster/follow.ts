import { type Follower, type KubeClient, pathOf, type RawObject, Reflector } from '../../../../src/kube/index.ts';
import type { Fault } from '../../../../src/lib/fault.ts';
import type { BenchContext } from '../../bench.ts';
import { now } from '../clock.ts';
import { gatewayName } from '../objects.ts';

interface Attached extends RawObject {
  readonly status?: { readonly listeners?: readonly { readonly attachedRoutes?: number }[] };
}
interface Judged extends RawObject {
  readonly status?: {
    readonly parents?: readonly {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    }[];
  };
}

/** The Gateway's count of routes, as everybody sees it who watches. */
export interface GatewayFollower {
  /** When the count last became `wanted`, on the monotonic clock; waits for it. */
  attached(wanted: number): Promise<number>;
  /** How often the status was written so far. */
  writes(): number;
}

export async function followGateway(context: BenchContext, kube: KubeClient): Promise<GatewayFollower> {
  let count = -1;
  let countedAt = 0;
  let writes = 0;
  let last = '';
  const waiters = new Set<() => void>();
  const path = pathOf('Gateway', { namespace: 'default' });
  await follow(context, kube, path, { fieldSelector: `metadata.name=${gatewayName}` }, (object) => {
    const { status } = object as Attached;
    const text = JSON.stringify(status);
    if (text !== last && last !== '') writes++;
    last = text;
    const found = status?.listeners?.[0]?.attachedRoutes ?? 0;
    if (found === count) return;
    count = found;
    countedAt = now();
    for (const waiter of waiters) waiter();
  });
  return {
    writes: () => writes,
    attached: (wanted) =>
      waitFor(`attachedRoutes to be ${wanted}`, waiters, () => (count === wanted ? countedAt : undefined)),
  };
}

/** Which routes have a status that says that they are accepted. */
export interface RouteFollower {
  /** When the last of so many was, on the monotonic clock; waits for it. */
  accepted(wanted: number): Promise<number>;
}

export async function followRoutes(context: BenchContext, kube: KubeClient): Promise<RouteFollower> {
  const accepted = new Set<string>();
  let lastAt = 0;
  const waiters = new Set<() => void>();
  await follow(context, kube, pathOf('HTTPRoute', { namespace: 'default' }), {}, (object) => {
    const { metadata, status } = object as Judged;
    const conditions = status?.parents?.[0]?.conditions ?? [];
    if (!conditions.some(({ type, status: value }) => type === 'Accepted' && value === 'True')) return;
    if (accepted.has(metadata?.name ?? '')) return;
    accepted.add(metadata?.name ?? '');
    lastAt = now();
    for (const waiter of waiters) waiter();
  });
  return {
    accepted: (wanted) =>
      waitFor(`${wanted} accepted routes`, waiters, () => (accepted.size >= wanted ? lastAt : undefined)),
  };
}

/** Watches from now on, until the bench ends; resolves when it knows what there is. */
async function follow(
  context: BenchContext,
  client: KubeClient,
  path: string,
  query: Readonly<Record<string, string>>,
  onObject: (object: RawObject) => void,
): Promise<void> {
  const stop = new AbortController();
  context.defer(() => stop.abort());
  const listed = Promise.withResolvers<void>();
  const follower: Follower = {
    startList() {},
    listed: (objects) => objects.forEach(onObject),
    unlisted() {},
    endList: listed.resolve,
    changed(events) {
      for (const { type, object } of events) if (type !== 'DELETED') onObject(object);
    },
  };
  const onFault = ({ message }: Fault) => context.progress(message);
  void new Reflector({ client, path, query, follower, signal: stop.signal, onFault }).run();
  await listed.promise;
}

function waitFor(what: string, waiters: Set<() => void>, found: () => number | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiters.delete(check);
      reject(new Error(`waited two minutes for ${what}`));
    }, 120_000);
    const check = () => {
      const at = found();
      if (at === undefined) return;
      clearTimeout(timer);
      waiters.delete(check);
      resolve(at);
    };
    waiters.add(check);
    check();
  });
}
