import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ciliumBuildTime, ciliumPrograms } from './support/cilium-programs.ts';
import { type DatapathRig, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
import { outcome, userEnv } from './support/sluice-cli.ts';
import { until } from './support/until.ts';

describe('Cilium’s own command line, asking a node', () => {
  let cilium: string;
  let rig: DatapathRig;
  let [client, server]: LabPod[] = [];
  let echo: Program;

  before(async function () {
    this.timeout(ciliumBuildTime);
    cilium = (await ciliumPrograms()).cli;
    rig = await startDatapathRig();
    client = await rig.nodes[0]!.addPod('client', { labels: { app: 'client' } });
    server = await rig.nodes[0]!.addPod('server', { labels: { app: 'server' } });
    echo = await server.traffic.serve(8080);
    rig.write({
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
      },
    });
    await until('the policy to be in force', async () => /Enabled/.test(await ask('endpoint', 'list')));
  });
  after(async () => {
    await echo?.stop();
    await rig?.stop();
  });

  async function ask(...args: string[]): Promise<string> {
    const socket = join(rig.nodes[0]!.stateDir, 'agent.sock');
    const { code, stdout, stderr } = await outcome(cilium, ['-H', `unix://${socket}`, ...args], userEnv());
    assert.equal(code, 0, `cilium ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  }
  const idOf = async (name: string) =>
    (await ask('endpoint', 'get', `pod-name:default:${name}`, '-o', 'jsonpath={[0].id}')).trim();

  it('lists endpoints, identities, addresses, nodes', async () => {
    const list = await ask('endpoint', 'list');
    assert.match(list, new RegExp(`Enabled +Disabled +\\d+ +k8s:app=server +${server!.ipv6} +${server!.ipv4} +ready`));
    assert.match(await ask('identity', 'list'), /\d+ +k8s:app=client\n/);
    assert.match(await ask('identity', 'list', '--endpoints'), /REFCOUNT/);
    // Without -n it prints labels in the random order of Go's maps.
    assert.match(await ask('ip', 'list', '-n'), new RegExp(`${client!.ipv4}/32 +[1-9]\\d* +local`));
    assert.match(await ask('ip', 'list'), /k8s:app=client/);
    assert.match(
      await ask('node', 'list'),
      /default\/node-0 +192\.0\.2\.1 +10\.1\.0\.0\/24 +2001:db8::1 +fd00:1::\/112/,
    );
  });

  it('shows one endpoint: its state, log, health, labels, configuration', async () => {
    const id = await idOf('server');
    assert.match(await ask('endpoint', 'log', id), /ready/);
    assert.match(await ask('endpoint', 'health', id), /Overall Health: +OK/);
    assert.match(await ask('endpoint', 'labels', id), /app server k8s/);
    assert.match(await ask('endpoint', 'config', id), /PolicyAuditMode +: Disabled/);
  });

  it('shows policy: rules, selectors, and a trace with the rule that decides', async () => {
    const rules = JSON.parse((await ask('policy', 'get', '-o', 'json')) || '[]') as { policy: string };
    assert.match(rules.policy, /"name": "?|io\.cilium\.k8s\.policy\.name/);
    assert.match(await ask('policy', 'selectors'), /app/);
    const [from, to] = await Promise.all([idOf('client'), idOf('server')]);
    const trace = (port: string) =>
      ask('policy', 'trace', '--src-endpoint', from, '--dst-endpoint', to, '--dport', port);
    assert.match(
      await trace('8080/tcp'),
      /allowed by default\/server ingress\[0\]\.toPorts\[0\][\s\S]*Final verdict: ALLOWED/,
    );
    assert.match(await trace('8081/tcp'), /Final verdict: DENIED/);
  });

  it('imports policies, which are in force on live connections, and deletes them', async () => {
    const file = join(rig.nodes[0]!.stateDir, '..', 'closed.json');
    const closed = (name: string) => ({
      endpointSelector: { matchLabels: { app: 'server' } },
      ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: 'client' } }] }],
      labels: [{ key: 'name', value: name }],
    });
    writeFileSync(file, JSON.stringify([closed('one'), closed('two')]));
    const live = await client!.traffic.live(server!.ipv4, 8080);
    assert.equal(await live.exchange(), 'ok');
    assert.match(await ask('policy', 'import', file), /^Revision: \d+\n$/);
    assert.equal(await live.exchange(300), 'timeout');
    await live.close();
    assert.match(
      await ask('policy', 'get', 'name=two'),
      /"any:app": "server"[\s\S]*"value": "two"[\s\S]*Revision: \d+/,
    );
    await ask('policy', 'delete', 'name=one');
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080, 300), 'timeout');
    await ask('policy', 'delete', '--all');
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080), 'ok');
    assert.match(await ask('policy', 'get'), /io\.cilium\.k8s\.policy\.name/, 'those of objects stay');
  });

  it('gives an endpoint labels and options of its own', async () => {
    const id = await idOf('client');
    await ask('endpoint', 'labels', id, '-a', 'tier=front');
    await until('its new identity', async () => /tier=front/.test(await ask('endpoint', 'list')));
    await ask('endpoint', 'labels', id, '-d', 'tier=front');
    await until('its old identity', async () => !/tier=front/.test(await ask('endpoint', 'list')));
    const receiver = await idOf('server');
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8081, 300), 'timeout');
    await ask('endpoint', 'config', receiver, 'PolicyAuditMode=Enabled');
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8081), 'refused', 'audit lets it through');
    assert.match(await ask('endpoint', 'config', receiver), /PolicyAuditMode +: Enabled/);
    await ask('endpoint', 'config', receiver, 'PolicyAuditMode=Disabled');
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8081, 300), 'timeout');
  });

  it('shows status, maps, metrics and the configuration, and changes it', async () => {
    assert.match(await ask('status', '--brief'), /^OK\n$/);
    const status = await ask('status', '--verbose');
    assert.match(status, /IPAM: +IPv4: 2\/\d+ allocated from 10\.1\.0\.0\/24/);
    assert.match(status, /NodeMonitor: +Listening for events on \d+ CPUs/);
    assert.match(await ask('map', 'list'), /endpoints +2 +0 +true/);
    assert.match(await ask('map', 'get', 'endpoints'), /identity=\d+/);
    assert.match(await ask('metrics', 'list'), /sluice_datapath_endpoints/);
    await ask('config', 'PolicyAuditMode=Enabled');
    try {
      assert.match(await ask('config'), /PolicyAuditMode +: Enabled/);
      assert.equal(await client!.traffic.tcp(server!.ipv4, 8081), 'refused', 'audit lets it through');
    } finally {
      await ask('config', 'PolicyAuditMode=Disabled');
    }
    assert.match(await ask('debuginfo'), /Sluice/);
  });

  it('lists nothing of what a node has none of', async () => {
    assert.match(await ask('service', 'list'), /^ID +Frontend +Service Type +Backend *\n$/);
    assert.match(await ask('lrp', 'list'), /^LRP namespace.*\n$/);
    assert.match(
      await ask('recorder', 'list'),
      /^ID +Capture Length +Wildcard Filters *\n\nUsers +Priority +Wildcard Masks *\n$/,
    );
    assert.match(await ask('prefilter', 'list'), /^Revision: 0\n/);
    assert.match(await ask('fqdn', 'names'), /FQDNPolicySelectors/);
  });
});
