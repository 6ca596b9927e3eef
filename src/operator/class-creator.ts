import { type KubeClient, KubeFault, pathOf } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import { CLASS_NAME, CONTROLLER_NAME } from '../mesh/gateway/index.ts';
import { ingressController } from '../mesh/ingress/index.ts';

const classes = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: CLASS_NAME },
    spec: { controller: ingressController },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: CLASS_NAME },
    spec: { controllerName: CONTROLLER_NAME },
  },
];

/** ms between attempts, while the CRDs of Gateway API are not there. */
const again = 60_000;

/** Creates the classes by which objects are ours, where there are none of the name: for clusters whose manifests have none. */
export class ClassCreator {
  readonly #client: KubeClient;
  readonly #log: Log;
  #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(client: KubeClient, log: Log) {
    this.#client = client;
    this.#log = log;
  }

  start(): void {
    this.#abort = new AbortController();
    for (const object of classes) void this.#create(object);
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  async #create(object: (typeof classes)[number]): Promise<void> {
    const { signal } = this.#abort;
    const what = { object: `${object.kind} ${CLASS_NAME}` };
    try {
      await this.#client.request({ method: 'POST', path: pathOf(object.kind), body: object, signal });
      this.#log.info(what, 'created');
    } catch (error) {
      if (signal.aborted) return;
      const code = error instanceof KubeFault ? error.code : '';
      if (code === 'KUBE_CONFLICT') return;
      if (code !== 'KUBE_NOT_FOUND') this.#log.warn({ err: error, ...what }, 'not created');
      this.#timer = setTimeout(() => void this.#create(object), again).unref();
    }
  }
}
