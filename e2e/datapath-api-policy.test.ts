import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DatapathRig, type LabNode, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import type { Program } from './support/program.ts';
import { outcome, sluice, userEnv } from './support/sluice-cli.ts';

const rule = {
  endpointSelector: { matchLabels: { app: 'server' } },
  ingress: [{ fromEntities: ['all'] }],
  ingressDeny: [
    {
      fromEndpoints: [{ matchLabels: { app: 'client' } }],
      toPorts: [{ ports: [{ port: '8080', protocol: 'TCP' }] }],
    },
  ],
  labels: [{ key: 'name', value: 'closed' }],
};

describe('policies that one agent alone is given', () => {
  let rig: DatapathRig;
  let node: LabNode;
  let [client, server]: LabPod[] = [];
  let echo: Program;
  let file: string;

  before(async () => {
    rig = await startDatapathRig();
    node = rig.nodes[0]!;
    client = await node.addPod('client', { labels: { app: 'client' } });
    server = await node.addPod('server', { labels: { app: 'server' } });
    echo = await server.traffic.serve(8080, 9090);
    file = join(node.stateDir, '..', 'closed.json');
    writeFileSync(file, JSON.stringify([rule]));
  });
  after(async () => {
    await echo?.stop();
    await rig?.stop();
  });

  const cli = (...args: string[]) => outcome(sluice, [...args, '--state-dir', node.stateDir], userEnv());
  async function policy(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await cli('policy', ...args);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  it('are in force when the import returns, on live connections too, and no longer when they are deleted', async () => {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const live = await client!.traffic.live(server![family], 8080);
      assert.equal(await live.exchange(), 'ok');
      assert.match(await policy('import', file), /^Revision: \d+$/m);
      assert.equal(await live.exchange(300), 'timeout', family);
      assert.equal(await client!.traffic.tcp(server![family], 8080, 300), 'timeout');
      assert.equal(await client!.traffic.tcp(server![family], 9090), 'ok');
      assert.match(await policy('list'), /LocalPolicy +local-\d+ .*ingressDeny/);
      assert.match(await policy('delete', 'name=closed'), /^Revision: \d+$/m);
      assert.equal(await client!.traffic.tcp(server![family], 8080), 'ok');
      await live.close();
    }
  });

  it('name themselves in drops, and in what a trace says', async () => {
    await policy('import', file);
    const [, name] = /LocalPolicy +(local-\d+)/.exec(await policy('list')) ?? [];
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080, 300), 'timeout');
    const { stdout } = await cli('monitor', '--last', '20', '--no-follow', '--type', 'drop');
    assert.match(stdout, new RegExp(`Policy denied by denylist, by ${name} ingressDeny\\[0\\]\\.toPorts\\[0\\]`));
    const trace = await cli(
      'policy',
      'trace',
      '--src',
      'default/client',
      '--dst',
      'default/server',
      '--dport',
      '8080/TCP',
    );
    assert.match(trace.stdout, new RegExp(`denied by ${name} ingressDeny\\[0\\]\\.toPorts\\[0\\]`));
    await policy('delete', `sluice:policy=${name}`);
  });

  it('outlive the agent: no packet passes that they deny while it is killed and started anew', async () => {
    await policy('import', file);
    const live = await client!.traffic.live(server!.ipv4, 9090);
    await node.kill();
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080, 300), 'timeout');
    await node.start();
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080, 300), 'timeout');
    assert.equal(await live.exchange(), 'ok');
    await live.close();
    assert.match(await policy('list'), /LocalPolicy/);
    await policy('delete', '--all');
    assert.equal(await client!.traffic.tcp(server!.ipv4, 8080), 'ok');
    assert.equal((await cli('policy', 'delete', '--all', 'name=closed')).code, 2);
  });
});
