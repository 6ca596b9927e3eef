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

/** Creates the classes by which objects are ours, where there are none of the name: for clusters whose manifests have none. */
export async function createClasses(client: KubeClient, log: Log, signal: AbortSignal): Promise<void> {
  for (const object of classes) {
    try {
      await client.request({ method: 'POST', path: pathOf(object.kind), body: object, signal });
      log.info({ object: `${object.kind} ${CLASS_NAME}` }, 'created');
    } catch (error) {
      if (signal.aborted) return;
      const code = error instanceof KubeFault ? error.code : '';
      // It is there, or its CRD is not.
      if (code !== 'KUBE_CONFLICT' && code !== 'KUBE_NOT_FOUND')
        log.warn({ err: error, object: `${object.kind} ${CLASS_NAME}` }, 'not created');
    }
  }
}
