import { type Label, type Labels, makeLabels } from './labels.ts';

interface Pattern {
  readonly include: boolean;
  /** Absent: any source. */
  readonly source: string | undefined;
  readonly key: RegExp;
}

/** Without what is different on every pod or every rollout: each value would be an identity of its own. */
const DEFAULTS = [
  'reserved:.*',
  'io\\.kubernetes\\.pod\\.namespace',
  'io\\.cilium\\.k8s\\.namespace\\.labels',
  'io\\.cilium\\.k8s\\.policy',
  'app\\.kubernetes\\.io',
  '!io\\.kubernetes',
  '!kubernetes\\.io',
  '!statefulset\\.kubernetes\\.io/pod-name',
  '!apps\\.kubernetes\\.io/pod-index',
  '!batch\\.kubernetes\\.io/job-completion-index',
  '!batch\\.kubernetes\\.io/controller-uid',
  '!.*beta\\.kubernetes\\.io',
  '!k8s\\.io',
  '!pod-template-generation',
  '!pod-template-hash',
  '!controller-revision-hash',
  '!controller-uid',
  '!annotation.*',
  '!etcd_node',
];

/**
 * Which labels are part of an identity (the option `labels`): patterns `[!][source:]regex`, separated by spaces, each matched at
 * the beginning of a label's key; `!` leaves out. Of all patterns that match, the one that matches the most characters decides,
 * leaving out where two match alike. Labels that none matches are in, unless the user's patterns say what is in.
 */
export class LabelFilter {
  readonly #patterns: readonly Pattern[];
  readonly #otherwise: boolean;

  /** Throws on a pattern that is no regular expression. */
  constructor(patterns = '') {
    const own = patterns.split(/\s+/).filter((text) => text !== '');
    this.#otherwise = !own.some((text) => !text.startsWith('!'));
    this.#patterns = [...DEFAULTS, ...own].map(parsePattern);
  }

  keeps(label: Label): boolean {
    let best = -1;
    let include = this.#otherwise;
    for (const pattern of this.#patterns) {
      if (pattern.source !== undefined && pattern.source !== label.source) continue;
      const length = pattern.key.exec(label.key)?.[0].length;
      if (length === undefined || length < best || (length === best && pattern.include)) continue;
      best = length;
      include = pattern.include;
    }
    return include;
  }

  /** The labels that make an identity. */
  apply(labels: Iterable<Label>): Labels {
    return makeLabels([...labels].filter((label) => this.keeps(label)));
  }
}

function parsePattern(text: string): Pattern {
  const include = !text.startsWith('!');
  const rest = include ? text : text.slice(1);
  const colon = /^[A-Za-z0-9_-]+:/.exec(rest)?.[0];
  return {
    include,
    source: colon?.slice(0, -1),
    key: new RegExp(`^(?:${colon === undefined ? rest : rest.slice(colon.length)})`),
  };
}
