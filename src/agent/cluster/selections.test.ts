import assert from 'node:assert/strict';
import { loadAll } from 'js-yaml';
import type { RawObject } from '../../kube/index.ts';
import { applyBatch } from '../../mesh/inputs.ts';
import { defaultMeshOptions } from '../../mesh/model/index.ts';
import { SourceRig } from '../../sources/kubernetes/testing/rig.ts';
import { type ControlPlane, createControlPlane } from '../control-plane.ts';
import { selectionsFor } from './selections.ts';

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: cilium}
spec: {controllerName: io.cilium/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  gatewayClassName: cilium
  listeners:
  - {name: own, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: own}]}}
  - {name: other, port: 443, protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: other, namespace: certs}]}}
`;
const GRANT = `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: grant, namespace: certs}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: shop}]
  to: [{group: '', kind: Secret}]
`;
const INGRESS = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: web}
spec:
  ingressClassName: cilium
  tls: [{hosts: [c.example.com], secretName: web}]
  rules: [{host: c.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]
`;

describe('what a cluster is asked for', () => {
  let rig: SourceRig;
  let plane: ControlPlane;
  beforeEach(async () => {
    rig = await SourceRig.start();
    for (const kind of ['GatewayClass', 'Gateway', 'ReferenceGrant', 'HTTPRoute']) rig.server.define(kind, ['v1']);
    for (const [namespace, name] of [
      ['shop', 'own'],
      ['certs', 'other'],
      ['web', 'web'],
      ['web', 'private'],
    ])
      rig.server.write({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name } } as RawObject);
    plane = createControlPlane({ mesh: defaultMeshOptions, nodeName: 'node-1' });
  });
  afterEach(() => rig.close());

  const write = (yaml: string) => {
    for (const object of loadAll(yaml)) rig.server.write(object as RawObject);
  };
  const open = () =>
    rig.open({
      selections: selectionsFor(plane, { ingress: true, gatewayApi: true, envoyConfig: true }, { nodes: false }),
      settled: () => plane.store.settled(),
      sink: (batch) => {
        rig.recorder.sink(batch);
        applyBatch(plane.tables, batch);
      },
    });
  const secrets = () => [...plane.tables.Secret.keys()].sort();
  const asked = () => rig.server.requests.filter((path) => path.includes('/secrets'));

  it('is no Secret, where nothing refers to one', async () => {
    await open();
    assert.deepEqual(asked(), []);
  });

  it('is the Secrets of Gateways and Ingresses, by name, before the source is ready', async () => {
    write(`${GATEWAY}---${GRANT}---${INGRESS}`);
    await open();
    assert.deepEqual(secrets(), ['certs/other', 'shop/own', 'web/web']);
    assert.ok(!asked().some((path) => path.includes('private')));
    assert.ok(asked().every((path) => path.includes('fieldSelector=metadata.name')));
  });

  it('is the own Node, once a CiliumEnvoyConfig selects nodes by their labels', async () => {
    rig.server.define('CiliumEnvoyConfig', ['v2']);
    for (const [name, role] of [
      ['node-1', 'edge'],
      ['node-2', 'edge'],
    ] as const)
      rig.server.write({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { role } } });
    await open();
    const nodes = () => rig.server.requests.filter((path) => path.includes('/nodes'));
    assert.deepEqual(nodes(), []);
    const listener = { '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: 'l' };
    rig.server.write({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumEnvoyConfig',
      metadata: { name: 'here' },
      spec: { nodeSelector: { matchLabels: { role: 'edge' } }, resources: [listener] },
    });
    await rig.until(() => plane.tables.Node.size > 0);
    assert.deepEqual([...plane.tables.Node.keys()], ['node-1']);
    assert.ok(nodes().every((path) => path.includes('fieldSelector=metadata.name%3Dnode-1')));
  });

  it('is the own Node, its Pods and policies, for a datapath', () => {
    const off = { ingress: false, gatewayApi: false, envoyConfig: false };
    const all = selectionsFor(plane, off, { nodes: false, datapathOf: 'node-1' });
    assert.equal(new Set(all.map(({ kind }) => kind)).size, all.length);
    assert.deepEqual(
      all.flatMap(({ kind, fieldSelector }) => (fieldSelector === undefined ? [] : [[kind, fieldSelector]])),
      [
        ['Node', 'metadata.name=node-1'],
        ['Pod', 'spec.nodeName=node-1'],
      ],
    );
    for (const kind of ['NetworkPolicy', 'CiliumNetworkPolicy', 'CiliumIdentity', 'CiliumEndpoint', 'CiliumNode'])
      assert.ok(
        all.some((one) => one.kind === kind),
        kind,
      );
  });

  it('is no Secret of another namespace that is not granted, and drops it when the grant goes', async () => {
    write(GATEWAY);
    await open();
    assert.deepEqual(secrets(), ['shop/own']);
    assert.ok(!asked().some((path) => path.includes('/certs/')));
    write(GRANT);
    await rig.until(() => secrets().includes('certs/other'));
    rig.server.remove('ReferenceGrant', 'grant', 'certs');
    await rig.until(() => !secrets().includes('certs/other'));
    assert.deepEqual(secrets(), ['shop/own']);
  });
});
