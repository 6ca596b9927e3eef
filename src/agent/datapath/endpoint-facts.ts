import type { Endpoint } from '../../network/endpoint/index.ts';
import { formatLabel, type Label, LabelFilter, makeLabels, parseLabel } from '../../network/identity/index.ts';
import type { PodIdentities, PodState } from './pod-identities.ts';

/** What of an endpoint says who it is. */
export type EndpointNames = Pick<Endpoint, 'pod' | 'external' | 'userLabels'>;

/** What an endpoint's identity is made of, whoever said it: its pod or, where it is none, its maker; and people. */
export class EndpointFacts {
  readonly #pods: Pick<PodIdentities, 'find'>;
  readonly #filter: LabelFilter;

  /** @param labels patterns of `LabelFilter` */
  constructor(pods: Pick<PodIdentities, 'find'>, labels: string) {
    this.#pods = pods;
    this.#filter = new LabelFilter(labels);
  }

  /** Undefined where nobody has said it yet. */
  find({ pod, external, userLabels = [] }: EndpointNames): PodState | undefined {
    const state = pod.name === '' ? undefined : this.#pods.find(pod);
    if (pod.name !== '' && state === undefined) return undefined;
    const own = (state?.labels ?? []).map(parseLabel);
    const names = new Set(own.map(nameOf));
    // What the pod says of itself, its namespace above all, nobody else can say.
    const said = [...(state === undefined ? (external?.labels ?? []) : []), ...userLabels].map(parseLabel);
    const added = said.filter((label) => !names.has(nameOf(label)));
    const kept = added.filter((label) => this.#filter.keeps(label));
    if (own.length + kept.length === 0) return undefined;
    return {
      labels: makeLabels([...own, ...kept]),
      otherLabels: [
        ...(state?.otherLabels ?? []),
        ...added.filter((label) => !kept.includes(label)).map(formatLabel),
      ].sort(),
      namedPorts: state?.namedPorts ?? [],
    };
  }
}

const nameOf = ({ source, key }: Label) => `${source}:${key}`;
