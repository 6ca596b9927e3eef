import { type Namespace, objectKey, type Pod } from '../../api/index.ts';
import type { Tables } from '../../mesh/inputs.ts';
import type { NamedPort, PodRef } from '../../network/endpoint/index.ts';
import { LabelFilter, type Labels, podLabels } from '../../network/identity/index.ts';

/** What the objects say of a pod that its identity and its policy depend on. */
export interface PodState {
  readonly labels: Labels;
  /** Those of the pod that are not in its identity. */
  readonly otherLabels: readonly string[];
  readonly namedPorts: readonly NamedPort[];
}

/** Looks up pods' labels, waits for pods that are not known yet, and tells which pods changed. */
export class PodIdentities {
  readonly #tables: Tables;
  readonly #cluster: string;
  readonly #filter: LabelFilter;
  readonly #waiters = new Set<() => void>();
  readonly #stops: (() => void)[];

  /** @param changed called with `namespace/name`, or with `namespace/` where the namespace itself changed */
  constructor(tables: Tables, options: { cluster: string; labels: string }, changed: (key: string) => void) {
    this.#tables = tables;
    this.#cluster = options.cluster;
    this.#filter = new LabelFilter(options.labels);
    const wake = () => {
      for (const waiter of [...this.#waiters]) waiter();
    };
    this.#stops = [
      tables.Pod.observe((changes) => {
        wake();
        for (const { key } of changes) changed(key);
      }),
      tables.Namespace.observe((changes) => {
        for (const { key } of changes) changed(`${key}/`);
      }),
    ];
  }

  /** Undefined while there is no such pod, or one of that name that is another one. */
  find(pod: PodRef): PodState | undefined {
    const object = this.#tables.Pod.get(objectKey({ metadata: pod }));
    if (object === undefined) return undefined;
    const { uid, namespace = '' } = object.metadata;
    if (pod.uid !== '' && uid !== undefined && uid !== pod.uid) return undefined;
    return this.#stateOf(object, this.#tables.Namespace.get(namespace));
  }

  /** The same, waited for; undefined when it does not come in so many ms. */
  async wait(pod: PodRef, patience: number): Promise<PodState | undefined> {
    const end = performance.now() + patience;
    for (;;) {
      const found = this.find(pod);
      const left = end - performance.now();
      if (found !== undefined || left <= 0) return found;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#waiters.delete(done);
          resolve();
        };
        const timer = setTimeout(done, left);
        this.#waiters.add(done);
      });
    }
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #stateOf({ metadata, spec }: Pod, namespace: Namespace | undefined): PodState {
    const labels = podLabels(
      {
        labels: metadata.labels,
        namespace: metadata.namespace ?? '',
        namespaceLabels: namespace?.metadata.labels ?? {},
        ...(spec.serviceAccountName === undefined ? {} : { serviceAccount: spec.serviceAccountName }),
        cluster: this.#cluster,
      },
      this.#filter,
    );
    const identityLabels = new Set(labels);
    return {
      labels,
      otherLabels: Object.entries(metadata.labels)
        .map(([key, value]) => `k8s:${key}=${value}`)
        .filter((label) => !identityLabels.has(label))
        .sort(),
      namedPorts: spec.containers.flatMap(({ ports }) =>
        ports.flatMap(({ name, containerPort, protocol }) =>
          name === undefined ? [] : [{ name, port: containerPort, protocol }],
        ),
      ),
    };
  }
}
