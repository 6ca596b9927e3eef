import assert from 'node:assert/strict';
import type { Endpoint, Identity } from '../src/agent/rest/models/endpoint.ts';
import type { BPFMap, BPFMapList, IPListEntry } from '../src/agent/rest/models/state.ts';
import { checkAnswer } from '../src/agent/rest/testing/openapi.ts';
import { askRest, followRest } from '../src/cli/rest-client.ts';
import type { Flow, MonitorEvent } from '../src/flows/index.ts';
import { type DatapathRig, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
import { outcome, sluice, userEnv } from './support/sluice-cli.ts';
import { until } from './support/until.ts';

const policy = {
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: 'server', namespace: 'default' },
  spec: {
    endpointSelector: { matchLabels: { app: 'server' } },
    ingress: [
      {
        fromEndpoints: [{ matchLabels: { app: 'client' } }],
        toPorts: [{ ports: [{ port: '8080', protocol: 'TCP' }] }],
      },
    ],
    ingressDeny: [{ toPorts: [{ ports: [{ port: '9999', protocol: 'TCP' }] }] }],
  },
};

describe('a node with a datapath, asked', () => {
  let rig: DatapathRig;
  let [client, server]: LabPod[] = [];
  let echo: Program;
  let target: { stateDir: string };

  before(async () => {
    rig = await startDatapathRig();
    target = rig.nodes[0]!;
    client = await rig.nodes[0]!.addPod('client', { labels: { app: 'client' } });
    server = await rig.nodes[0]!.addPod('server', { labels: { app: 'server' } });
    echo = await server.traffic.serve(8080, 9090);
    rig.write(policy);
    await until(
      'the policy to be in force',
      async () => (await client!.traffic.tcp(server!.ipv4, 9090, 300)) === 'timeout',
    );
    assert.equal(await client.traffic.tcp(server.ipv4, 8080), 'ok');
    assert.equal(await client.traffic.tcp(server.ipv6, 8080), 'ok');
    assert.equal(await client.traffic.tcp(server.ipv4, 9999, 300), 'timeout');
    // Connections that ended are forgotten; this one waits for an answer.
    await server.traffic.udp(client.ipv4, 5000, { wait: 10 });
  });
  after(async () => {
    await echo?.stop();
    await rig?.stop();
  });

  /** Checked against the description of Cilium's API. */
  async function ask<T>(path: string, operation = path): Promise<T> {
    const answer = await askRest<T>(target, path);
    assert.notEqual(answer, undefined, path);
    checkAnswer('GET', operation, 200, JSON.stringify(answer));
    return answer as T;
  }

  const cli = (...args: string[]) =>
    outcome(sluice, [...args, '--state-dir', target.stateDir], userEnv({ NO_COLOR: '1' }));

  /** What comes from now on until it is stopped. */
  function follow<T extends MonitorEvent>(filter: string): { readonly seen: readonly T[]; stop(): Promise<void> } {
    const over = new AbortController();
    const seen: T[] = [];
    const reading = (async () => {
      for await (const line of followRest(target, `/monitor?${filter}&follow=true`, over.signal))
        seen.push(JSON.parse(line) as T);
    })();
    const stop = () => {
      over.abort();
      return reading;
    };
    return { seen, stop };
  }

  async function flows(...filters: string[]): Promise<Flow[]> {
    const { code, stdout, stderr } = await cli('monitor', '--last', '1000', '--no-follow', '-o', 'json', ...filters);
    assert.equal(code, 0, stderr);
    const events = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as MonitorEvent);
    return events.filter((event) => event.kind === 'flow');
  }

  it('answers as the description of Cilium’s API says', async () => {
    const all = await ask<Endpoint[]>('/endpoint');
    const pods = all.flatMap(({ status }) => status['external-identifiers']['k8s-pod-name'] ?? []);
    assert.deepEqual(pods.sort(), ['client', 'server']);
    const path = '/endpoint/pod-name:default:server';
    const found = await ask<Endpoint>(path, '/endpoint/{id}');
    assert.equal(found.status.state, 'ready');
    assert.deepEqual(found.status.networking.addressing, [{ ipv4: server!.ipv4, ipv6: server!.ipv6 }]);
    assert.equal(found.status.policy.realized['policy-enabled'], 'ingress');
    assert.ok(found.status.identity?.labels.includes('k8s:app=server'));
    for (const what of ['config', 'labels', 'log', 'healthz']) await ask(`${path}/${what}`, `/endpoint/{id}/${what}`);

    const identities = await ask<Identity[]>('/identity');
    assert.ok(identities.some(({ id, labels }) => id >= 256 && id < 65_536 && labels.includes('k8s:app=client')));
    await ask(`/identity/${found.status.identity?.id}`, '/identity/{id}');
    await ask('/identity/endpoints');
    const [ip] = await ask<IPListEntry[]>(`/ip?cidr=${server!.ipv4}`, '/ip');
    assert.deepEqual([ip?.identity, ip?.metadata.name], [found.status.identity?.id, 'server']);
    for (const other of [
      '/policy',
      '/policy/selectors',
      '/cluster/nodes',
      '/healthz',
      '/config',
      '/metrics/',
      '/debuginfo',
    ])
      await ask(other);
    const { maps } = await ask<BPFMapList>('/map');
    assert.ok(maps.some(({ path: pinned }) => pinned.endsWith('/endpoints')));
    const connections = await ask<BPFMap>('/map/conntrack4', '/map/{name}');
    assert.ok((connections.cache?.length ?? 0) > 0);
  });

  it('prints tables', async () => {
    const list = await cli('endpoint', 'list');
    assert.match(list.stdout, /Enabled +Disabled +\d+ +k8s:app=server +fd00:\S+ +10\.1\.0\.\d+ +ready\n/);
    assert.match((await cli('node', 'list')).stdout, /default\/node-0 +192\.0\.2\.1 +10\.1\.0\.0\/24/);
    const map = await cli('policy', 'get', 'pod-name:default:server', '-n');
    assert.match(
      map.stdout,
      /Allow +Ingress +\d+ +8080\/TCP +NONE +\d+ +[1-9]\d* +default\/server ingress\[0\]\.toPorts\[0\]/,
    );
    assert.match(
      map.stdout,
      /Deny +Ingress +0 +9999\/TCP +NONE +\d+ +[1-9]\d* +default\/server ingressDeny\[0\]\.toPorts\[0\]/,
    );
  });

  it('says which rule decides', async () => {
    const trace = (port: string) =>
      cli('policy', 'trace', '--src', 'default/client', '--dst', server!.ipv6, '--dport', port);
    const allowed = await trace('8080/TCP');
    assert.equal(allowed.code, 0, allowed.stderr);
    assert.match(allowed.stdout, /ingress 8080\/TCP: allowed by default\/server ingress\[0\]\.toPorts\[0\]/);
    const denied = await trace('9999/TCP');
    assert.equal(denied.code, 1);
    assert.match(denied.stdout, /ingress 9999\/TCP: denied by default\/server ingressDeny\[0\]\.toPorts\[0\]/);
    const nothing = await trace('9090/TCP');
    assert.match(nothing.stdout, /ingress 9090\/TCP: denied\n.*default\/server/);
  });

  it('tells drops and verdicts with the rule that wants it so', async () => {
    const dropped = await flows('--type', 'drop', '--from', 'default/client', '--to', 'default/server');
    const byDefault = dropped.find(({ destination }) => destination.port === 9090);
    assert.equal(byDefault?.drop?.name, 'Policy denied');
    assert.deepEqual(byDefault?.policy.defaultDenyBy, ['default/server ingress']);
    assert.match(byDefault?.drop?.location ?? '', /^[a-z-]+:[1-9]\d*$/);
    const byRule = dropped.find(({ destination }) => destination.port === 9999);
    assert.equal(byRule?.drop?.name, 'Policy denied by denylist');
    assert.equal(byRule?.policy.rule, 'default/server ingressDeny[0].toPorts[0]');
    const allowed = await flows('--type', 'policy-verdict', '--port', '8080');
    for (const version of [server!.ipv4, server!.ipv6]) {
      const flow = allowed.find(
        ({ destination, direction }) => destination.address === version && direction === 'ingress',
      );
      assert.equal(flow?.policy.rule, 'default/server ingress[0].toPorts[0]', version);
      assert.equal(flow?.source.pod?.name, 'client');
    }
  });

  it('tells what the agent itself does, to who follows', async () => {
    const { seen, stop } = follow<MonitorEvent>('type=agent');
    const pod = await rig.nodes[0]!.addPod('late', { labels: { app: 'late' } });
    const told = (event: string, message: RegExp) =>
      seen.some((one) => one.kind === 'agent' && one.event === event && message.test(one.message));
    await until('the pod to be told of', () => told('endpoint-updated', /default\/late is ready, identity \d+/));
    rig.write({ ...policy, metadata: { ...policy.metadata, name: 'second' } });
    await until('the policy to be told of', () => told('policy-updated', /revision \d+/));
    await rig.nodes[0]!.deletePod(pod);
    await until('its end to be told of', () => told('endpoint-deleted', /default\/late/));
    await stop();
  });

  it('traces what goes on after the first packet, while somebody follows', async () => {
    const { seen, stop } = follow<Flow>('type=trace&port=8080');
    const ends = () => seen.filter(({ tcpFlags }) => tcpFlags?.includes('FIN'));
    // Of the first one only its end may have been seen: traces begin some time after somebody asked for them.
    const opened = () => seen.some(({ tcpFlags, connection }) => tcpFlags === 'SYN,ACK' && connection === 'reply');
    await until('both ends of a connection to be told of', async () => {
      assert.equal(await client!.traffic.tcp(server!.ipv4, 8080), 'ok');
      return new Set(ends().map(({ source }) => source.pod?.name)).size === 2 && opened();
    });
    await stop();
    await until('nothing to be traced any more', async () => {
      const before = (await flows('--type', 'trace')).length;
      assert.equal(await client!.traffic.tcp(server!.ipv4, 8080), 'ok');
      return (await flows('--type', 'trace')).length === before;
    });
    assert.ok((await flows('--type', 'policy-verdict', '--port', '8080')).length > 0);
  });

  it('goes into audit mode and out of it, while it runs', async () => {
    const configure = (PolicyAuditMode: string) =>
      askRest(target, '/config', { method: 'PATCH', body: { options: { PolicyAuditMode } } });
    await configure('Enabled');
    try {
      assert.equal(await client!.traffic.tcp(server!.ipv4, 9090), 'ok');
      assert.match((await cli('endpoint', 'list')).stdout, /Disabled \(Audit\)/);
      await until('the audited verdict', async () => (await flows('--verdict', 'audit', '--port', '9090')).length > 0);
    } finally {
      await configure('Disabled');
    }
    assert.equal(await client!.traffic.tcp(server!.ipv4, 9090, 300), 'timeout');
  });
});
