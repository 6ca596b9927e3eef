import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKube, type RawObject } from '../../../src/kube/index.ts';
import { testserverImage } from '../../cluster/images.ts';
import { until } from '../../support/until.ts';
import { type Answer, type Call, exchange } from '../support/exchange.ts';
import { type Objects, objectsOf } from '../support/objects.ts';

/** ms: pods that start, addresses that are given, and the proxies of all nodes. */
const patience = 60_000;

/** A namespace for one file of tests, on the cluster that KUBECONFIG names. */
export interface Rig {
  readonly namespace: string;
  readonly objects: Objects;
  apply(yaml: string): Promise<void>;
  /** A Deployment and a Service of port 80 each, of servers that say which pod they are. Resolves when all are ready. */
  serve(...backends: readonly (string | { readonly name: string; readonly replicas: number })[]): Promise<void>;
  /** The first address in the Ingress' status, as soon as it is there. */
  addressOf(ingress: string): Promise<string>;
  /** Waits until a request is answered by a pod of the Service, with 200; or, for a number, with this status by no pod. */
  expect(call: Call, from: string | number): Promise<Answer>;
  close(): Promise<void>;
}

export async function openRig(namespace: string): Promise<Rig> {
  const kubeconfig = process.env.KUBECONFIG;
  assert.ok(kubeconfig, 'KUBECONFIG is not set: npm run conformance:ingress sets it');
  const objects = objectsOf(openKube({ kubeconfig, userAgent: 'sluice-conformance' }));
  await objects.remove('Namespace', namespace);
  await objects.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: ${namespace}}}`);
  const apply = (yaml: string): Promise<void> => objects.apply(yaml, namespace, inMode);
  return {
    namespace,
    objects,
    apply,
    async serve(...backends) {
      for (const backend of backends) {
        const { name, replicas } = typeof backend === 'string' ? { name: backend, replicas: 1 } : backend;
        await apply(servers(name, replicas));
      }
      for (const backend of backends) {
        const { name, replicas } = typeof backend === 'string' ? { name: backend, replicas: 1 } : backend;
        const ready = async () => (await objects.get<Ready>('Deployment', name, namespace))?.status?.readyReplicas;
        await until(`${replicas} pods of ${name}`, async () => (await ready()) === replicas, patience);
      }
    },
    async addressOf(ingress) {
      return await until(
        `an address of Ingress ${ingress}`,
        async () => {
          const found = await objects.get<Balanced>('Ingress', ingress, namespace);
          const first = found?.status?.loadBalancer?.ingress?.[0];
          return first?.ip ?? first?.hostname;
        },
        patience,
      );
    },
    async expect(call, from) {
      let last: unknown;
      return await until(
        () => `${call.host}${call.path ?? '/'} from ${from}; last: ${JSON.stringify(last)}`,
        async () => {
          try {
            const answer = await exchange(call);
            last = answer;
            return isFrom(answer, from) ? answer : undefined;
          } catch (error) {
            last = (error as Error).message;
            return undefined;
          }
        },
        patience,
      );
    },
    close: () => objects.remove('Namespace', namespace),
  };
}

/** The mode that main.ts was asked for; what the installation has as its default unless it was. */
function inMode(object: RawObject): RawObject {
  const mode = process.env.SLUICE_LOADBALANCER_MODE;
  if (object.kind !== 'Ingress' || mode === undefined) return object;
  const annotations = { ...object.metadata?.annotations, 'ingress.cilium.io/loadbalancer-mode': mode };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

interface Ready {
  readonly status?: { readonly readyReplicas?: number };
}
interface Balanced {
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
}

/** Pods are named after their Deployment: `NAME-HASH-HASH`. */
export function isFrom({ status, pod }: Answer, from: string | number): boolean {
  return typeof from === 'number'
    ? status === from && pod === undefined
    : status === 200 && pod !== undefined && pod.replace(/-[^-]+-[^-]+$/, '') === from;
}

function servers(name: string, replicas: number): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: server
          image: ${testserverImage}
          imagePullPolicy: Never
          resources: {requests: {cpu: 50m}}
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: 8080}]}
`;
}

/** A Secret with a self-signed certificate for these names. */
export function certificateSecret(name: string, hosts: readonly string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'certificate-'));
  try {
    const [key, crt] = [join(dir, 'key'), join(dir, 'crt')];
    const kind = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    ];
    const names = ['-addext', `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(',')}`];
    execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', crt], { stdio: 'pipe' });
    const data = (file: string): string => readFileSync(file).toString('base64');
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': data(crt), 'tls.key': data(key) },
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
