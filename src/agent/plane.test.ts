import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AnyObject, refKey, refOf } from '../api/index.ts';
import type { XdsClient } from '../xds/testing/client.ts';
import type { ClientResource } from '../xds/testing/client-wire.ts';
import { findHost, servingListener } from './testing/find-host.ts';
import { type PlaneRig, sent, socketDirectory, startPlane, yaml } from './testing/plane-rig.ts';

const listener = 'gateway/default/gw/127.0.0.1:8000';

const service = (name: string) =>
  yaml(`{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {ports: [{port: 80, targetPort: 8080}]}}`);

const slice = (name: string, ...addresses: string[]) =>
  yaml(`
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [${addresses.map((address) => `{addresses: [${address}]}`).join()}]
`);

const gateway = (tls = '') =>
  yaml(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: cilium
  listeners: [{name: http, port: 8000, protocol: HTTP}${tls}]
`);

const route = (name: string, to: string, path = '/') =>
  yaml(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: gw, sectionName: http}]
  hostnames: [${name}.example.com]
  rules: [{matches: [{path: {value: ${path}}}], backendRefs: [{name: ${to}, port: 80}]}]
`);

const ingress = (name: string, to: string) =>
  yaml(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ${name}}
spec:
  ingressClassName: cilium
  tls: [{hosts: [${name}.shop.example.com], secretName: cert}]
  rules:
    - host: ${name}.shop.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: ${to}, port: {number: 80}}}}]}
`);

const certs = join(import.meta.dirname, '../mesh/ingress/testdata/certs');
const secret = (certificate: string): AnyObject[] => {
  const file = (name: string) => readFileSync(join(certs, name), 'utf8');
  const data = { 'tls.crt': file(`${certificate}.crt`), 'tls.key': file(`${certificate}.key`) };
  return yaml(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'cert' },
      type: 'kubernetes.io/tls',
      stringData: data,
    }),
  );
};

const envoyConfig = yaml(`
apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata: {name: cec}
spec:
  backendServices: [{name: web}]
  resources:
    - '@type': type.googleapis.com/envoy.config.listener.v3.Listener
      name: entry
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: entry
                rds: {route_config_name: table}
                http_filters: [{name: envoy.filters.http.router}]
    - '@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration
      name: table
      virtual_hosts: [{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: default/web}}]}]
`);

const everything = [
  ...service('web'),
  ...service('db'),
  ...slice('web', '10.0.0.1'),
  ...slice('db', '10.0.0.2'),
  ...secret('shop'),
  ...gateway(', {name: https, port: 8001, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}'),
  ...route('a', 'web'),
  ...route('b', 'db'),
  ...ingress('one', 'web'),
  ...ingress('two', 'web'),
  ...envoyConfig,
];

interface Programmed {
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

describe('control plane, objects in and xDS out', () => {
  let socket: ReturnType<typeof socketDirectory>;
  let rig: PlaneRig;
  beforeEach(() => {
    socket = socketDirectory();
  });
  afterEach(async () => {
    await rig.close();
    socket.remove();
  });

  /** What a change sends. */
  const sentBy = async (client: XdsClient, set: AnyObject[], gone: AnyObject[] = []) => {
    const before = client.log.length;
    await rig.change(set, gone);
    return sent(client, before);
  };

  it('sends the one table of a changed route, and nothing for what changes nothing', async () => {
    rig = await startPlane(socket.path, everything);
    const client = await rig.connect();
    const entry = client.get('listeners', listener);
    assert.ok(entry !== undefined, client.names('listeners').join());
    const table = findHost(client, entry, 'a.example.com');
    assert.ok('table' in table, JSON.stringify(table));
    assert.deepEqual(await sentBy(client, route('a', 'web', '/changed')), [`routes +${table.table}`]);
    assert.deepEqual(await sentBy(client, route('a', 'web', '/changed')), []);
    assert.deepEqual(await sentBy(client, yaml('{apiVersion: v1, kind: Namespace, metadata: {name: x}}')), []);
  });

  it('sends the one assignment of a changed endpoint', async () => {
    rig = await startPlane(socket.path, everything);
    const client = await rig.connect();
    assert.deepEqual(await sentBy(client, slice('db', '10.0.0.2', '10.0.0.3')), ['endpoints +default/db:80']);
    assert.deepEqual(await sentBy(client, [], slice('db')), ['endpoints +default/db:80']);
  });

  it('sends a new cluster with its endpoints before the route to it, and takes them away after it', async () => {
    rig = await startPlane(socket.path, everything);
    const client = await rig.connect();
    const objects = [...route('c', 'new'), ...service('new'), ...slice('new', '10.0.0.9')];
    const responses = await sentBy(client, objects);
    assert.deepEqual(responses.slice(0, 2).sort(), ['clusters +default/new:80', 'endpoints +default/new:80']);
    assert.deepEqual(
      responses.slice(2).map((response) => response.split(' ')[0]),
      ['routes'],
    );
    const gone = await sentBy(client, [], objects);
    assert.deepEqual(gone, [responses[2], 'clusters -default/new:80', 'endpoints -default/new:80']);
  });

  it('sends the one secret that was rotated, whoever uses it', async () => {
    rig = await startPlane(socket.path, everything);
    const client = await rig.connect();
    assert.deepEqual(client.names('secrets'), ['default/cert']);
    assert.deepEqual(await sentBy(client, secret('shop-rsa')), ['secrets +default/cert']);
  });

  it('serves a Service once to Ingresses and Gateways, and once more to each CiliumEnvoyConfig', async () => {
    rig = await startPlane(socket.path, everything);
    const client = await rig.connect();
    const clusters = ['default/cec/default/web', 'default/db:80', 'default/web:80'];
    assert.deepEqual([client.names('clusters'), client.names('endpoints')], [clusters, clusters]);
    assert.deepEqual(await sentBy(client, slice('web', '10.0.0.1', '10.0.0.7')), [
      'endpoints +default/cec/default/web +default/web:80',
    ]);
    const users = [...ingress('one', 'web'), ...ingress('two', 'web'), ...route('a', 'web')];
    await rig.change([], users.slice(0, 2));
    assert.deepEqual(client.names('clusters'), clusters, 'the HTTPRoute still uses it');
    await rig.change([], users);
    assert.deepEqual(client.names('clusters'), ['default/cec/default/web', 'default/db:80']);
    await rig.change([], envoyConfig);
    assert.deepEqual(client.names('clusters'), ['default/db:80']);
  });

  it('never leaves a host without a table while tables are cut up finer and put together again', async () => {
    const hosts = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => route(`h${from + i}`, 'web')).flat();
    rig = await startPlane(socket.path, [...service('web'), ...gateway(), ...hosts(0, 5)], {
      bucketThreshold: 8,
      buckets: [4, 16],
    });
    const client = await rig.connect();
    let kept = 5;
    let looked = 0;
    let serving: ClientResource | undefined;
    const problems = new Set<string>();
    // Tested after each response that comes in and each answer that goes out, until the end of the test.
    const watching = client.until(() => {
      looked++;
      serving = servingListener(client, listener, serving);
      for (let i = 0; i < kept; i++) {
        const found = serving && findHost(client, serving, `h${i}.example.com`);
        if (found === undefined || 'missing' in found) problems.add(found?.missing ?? 'listener');
      }
      return kept === 0;
    });
    /** In how many buckets the serving listener looks routes up: scopes of each number, and the whole table. */
    const layout = () => [
      ...[4, 16].map((size) => client.names('scoped-routes').filter((name) => name.endsWith(`of${size}`)).length),
      client.names('routes').filter((name) => !name.includes('~')).length,
    ];
    assert.deepEqual(layout(), [0, 0, 1]);
    await rig.change(hosts(5, 20));
    assert.deepEqual(layout(), [4, 0, 0]);
    await rig.change(hosts(20, 200));
    assert.deepEqual(layout(), [4, 16, 0]);
    await rig.change([], hosts(5, 200));
    kept = 1;
    await rig.change([], hosts(1, 5));
    assert.deepEqual(layout(), [4, 16, 1]);
    await rig.change(hosts(5, 20));
    assert.deepEqual([...problems], []);
    assert.ok(looked > 20, 'the client took several steps');
    kept = 0;
    await rig.change([], gateway());
    await watching;
  });

  it('brings what a client refuses to its owner, and takes it back once it is taken', async () => {
    rig = await startPlane(socket.path, everything);
    const client = await rig.connect({
      refuse: ({ body }) => (Buffer.from(body).includes('/unwanted') ? 'no such path, says Envoy' : undefined),
    });
    const [a] = route('a', 'web');
    const [b] = route('b', 'db');
    assert.ok(a !== undefined && b !== undefined);
    const accepted = (object: AnyObject) => {
      const value = rig.plane.statuses.get(refKey(refOf(object)))?.value as {
        parents: { conditions: { type: string; status: string; message: string }[] }[];
      };
      const condition = value.parents[0]?.conditions.find(({ type }) => type === 'Accepted');
      return `${condition?.status} ${condition?.message}`;
    };
    assert.equal(accepted(a), 'True accepted');
    await rig.change([...route('a', 'web', '/unwanted'), ...route('b', 'db', '/wanted')]);
    await rig.until(() => accepted(a).startsWith('False'));
    assert.equal(accepted(a), 'False Envoy refused it: no such path, says Envoy');
    assert.equal(accepted(b), 'True accepted', 'its neighbour is not concerned');
    const [diagnostic, ...others] = rig.diagnosticsOf('HTTPRoute', 'a');
    assert.deepEqual([diagnostic?.reason, others, rig.diagnosticsOf('HTTPRoute', 'b')], ['RejectedByEnvoy', [], []]);
    assert.match(diagnostic?.message ?? '', /\(a\.example\.com\): no such path, says Envoy$/);
    const held = Buffer.concat([...(client.state.get('routes')?.values() ?? [])].map(({ body }) => body));
    assert.ok(
      held.includes('/wanted') && held.includes('a.example.com'),
      'the neighbour in its new form, it in its old',
    );
    await rig.change(route('a', 'web', '/other'));
    await rig.until(() => accepted(a).startsWith('True'));
    assert.deepEqual(rig.diagnosticsOf('HTTPRoute', 'a'), []);
  });

  it('says of a refused listener, and of no other, that it is not programmed', async () => {
    rig = await startPlane(socket.path, everything);
    const busy = "cannot bind '127.0.0.1:8001': Address already in use";
    await rig.connect({ refuse: ({ name }) => (name.endsWith('/127.0.0.1:8001') ? busy : undefined) });
    const programmed = () => {
      const value = rig.plane.statuses.get('Gateway.gateway.networking.k8s.io/default/gw')
        ?.value as unknown as Programmed & {
        listeners: Programmed[];
      };
      return [value, ...value.listeners].map(({ conditions }) => {
        const found = conditions.find(({ type }) => type === 'Programmed');
        return `${found?.status} ${found?.reason}`;
      });
    };
    await rig.until(() => programmed()[0]?.startsWith('False') === true);
    assert.deepEqual(programmed(), ['False Invalid', 'True Programmed', 'False Invalid']);
    assert.deepEqual(
      rig.diagnosticsOf('Gateway', 'gw').map(({ reason }) => reason),
      ['PortInUse'],
    );
    await rig.change(gateway(', {name: https, port: 8002, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}'));
    await rig.until(() => programmed()[0]?.startsWith('True') === true);
    assert.deepEqual(programmed(), ['True Programmed', 'True Programmed', 'True Programmed']);
    assert.deepEqual(rig.diagnosticsOf('Gateway', 'gw'), []);
  });

  it('clears what was refused when its owner is deleted', async () => {
    rig = await startPlane(socket.path, everything);
    await rig.connect({ refuse: ({ body }) => (Buffer.from(body).includes('/unwanted') ? 'no' : undefined) });
    await rig.change(route('z', 'web', '/unwanted'));
    await rig.until(() => rig.diagnosticsOf('HTTPRoute', 'z').length > 0);
    await rig.change([], route('z', 'web'));
    await rig.until(() => rig.diagnosticsOf('HTTPRoute', 'z').length === 0);
    assert.equal(rig.plane.rejections.table.size, 0);
  });

  it('sends nothing to a client that comes back, also from a control plane that was started anew', async () => {
    rig = await startPlane(socket.path, everything);
    const client = await rig.connect();
    const resumed = async () => {
      const before = client.log.length;
      client.reconnect();
      // Its answer comes after those to all that was resumed.
      client.subscribe('extensions', ['none']);
      const answered = () => sent(client, before).includes('extensions -none');
      await client.until(answered, 'an answer');
      client.unsubscribe('extensions', ['none']);
      // That there is nothing of a type has to be said.
      return sent(client, before).filter((response) => response !== 'scoped-routes' && response !== 'extensions -none');
    };
    assert.deepEqual(await resumed(), []);

    await rig.server.close();
    const second = await startPlane(socket.path, [...everything].reverse());
    try {
      assert.deepEqual(await resumed(), []);
      const before = client.log.length;
      await second.change(slice('db', '10.0.0.4'));
      assert.deepEqual(sent(client, before), ['endpoints +default/db:80']);
    } finally {
      client.disconnect();
      await second.close();
    }
  });
});
