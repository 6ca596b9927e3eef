import type { ReflectorState } from '../../kube/index.ts';
import type { Feed } from './feed.ts';

/** How a kind is doing, for people and for metrics. Counts are since the start. */
export interface KindStats {
  /** As written: `XListenerSet`. */
  readonly kind: string;
  /** API version that is asked for; undefined where the server has none that we read. */
  readonly version?: string;
  /** `absent`: the server does not have the kind, or nothing of an on-demand kind is wanted. */
  readonly state: ReflectorState | 'absent';
  /** On the server. */
  readonly objects: number;
  /** Of these, whose last version cannot be used. */
  readonly bad: number;
  readonly lists: number;
  /** Watches opened, and those of them that were opened because one failed. */
  readonly watches: number;
  readonly restarts: number;
  readonly events: number;
  /** ms since the server was last heard on the kind, be it by a bookmark (one a minute); of several watches the longest. */
  readonly silence?: number;
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: number };
}

/** The worst of several first. */
const STATES = ['waiting', 'listing', 'watching', 'ended'] as const;

export function statsOf(kind: string, feeds: readonly Feed[], now = Date.now()): KindStats {
  const runs = feeds.flatMap(({ stats }) => (stats === undefined ? [] : [stats]));
  const sum = (of: (run: (typeof runs)[number]) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const versions = feeds.flatMap(({ version }) => (version === undefined ? [] : [version]));
  const heard = feeds.flatMap(({ version, stats }) =>
    version === undefined || !stats?.heardAt ? [] : [stats.heardAt],
  );
  const errors = runs.flatMap(({ lastError }) => (lastError === undefined ? [] : [lastError]));
  const lastError = errors.reduce<KindStats['lastError']>(
    (a, b) => (a === undefined || b.at > a.at ? b : a),
    undefined,
  );
  const state = STATES.find((candidate) => runs.some((run) => run.state === candidate));
  return {
    kind,
    ...(versions[0] === undefined ? {} : { version: versions[0] }),
    state: versions[0] === undefined ? 'absent' : (state ?? 'listing'),
    objects: feeds.reduce((total, { holdings }) => total + holdings.size, 0),
    bad: feeds.reduce((total, { holdings }) => total + holdings.bad, 0),
    lists: sum(({ lists }) => lists),
    watches: sum(({ watches }) => watches),
    restarts: sum(({ restarts }) => restarts),
    events: sum(({ events }) => events),
    ...(heard.length === 0 ? {} : { silence: Math.max(0, now - Math.min(...heard)) }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}
