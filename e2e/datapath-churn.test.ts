import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endpoint } from '../src/gen/abi.ts';
import { type DatapathRig, type LabNode, startDatapathRig } from './support/datapath-rig.ts';
import { KernelPicture } from './support/kernel-picture.ts';
import type { Netns } from './support/lab-network.ts';
import { Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';

const count = 50;
const apps = 5;

/** Of the pods of one app: only those of another one may reach them. */
const policy = (app: number, from: number) => ({
  apiVersion: 'cilium.io/v2',
  kind: 'CiliumNetworkPolicy',
  metadata: { name: `app-${app}`, namespace: 'default' },
  spec: {
    endpointSelector: { matchLabels: { app: `${app}` } },
    ingress: [{ fromEndpoints: [{ matchLabels: { app: `${from}` } }] }, { fromCIDR: [`198.51.${from}.0/24`] }],
  },
});

/** One place for a pod, as a kubelet sees it: what it wants there, and what it was told of it. */
interface Slot {
  readonly name: string;
  readonly netns: Netns;
  app: number;
  /** Of the attachment that was made, or may have been: no DEL of it was answered yet. */
  containerId: string | undefined;
  ips: readonly string[];
}

describe('a node whose agent is killed again and again while pods come and go', () => {
  let rig: DatapathRig;
  let node: LabNode;
  const slots: Slot[] = [];
  let made = 0;
  let answered = 0;

  before(async () => {
    rig = await startDatapathRig();
    node = rig.nodes[0]!;
    for (let app = 0; app < apps; app++) rig.write(policy(app, 0));
    for (let i = 0; i < count; i++)
      slots.push({ name: `pod-${i}`, netns: rig.lab.add(`pod-${i}`), app: 0, containerId: undefined, ips: [] });
  });
  after(() => rig?.stop());

  const call = (command: string, { name, netns }: Slot, containerId: string) =>
    node.call(command, { name, namespace: 'default', netns, containerId });

  /** True once it is done: what fails is tried again by the kubelet, after a DEL, and with another sandbox. */
  async function remove(slot: Slot): Promise<boolean> {
    if (slot.containerId === undefined) return true;
    if ((await call('DEL', slot, slot.containerId)).status !== 0) return false;
    slot.containerId = undefined;
    slot.ips = [];
    return true;
  }
  async function add(slot: Slot, app: number): Promise<boolean> {
    if (!(await remove(slot))) return false;
    slot.app = app;
    rig.write({
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: { name: slot.name, namespace: 'default', labels: { app: `${app}` } },
      spec: { nodeName: node.name, containers: [{ name: 'app', image: 'app' }] },
    });
    slot.containerId = `sandbox-${process.pid}-${made++}`;
    const { status, output } = await call('ADD', slot, slot.containerId);
    if (status !== 0) return false;
    answered++;
    slot.ips = (output?.ips ?? []).map(({ address }) => address.replace(/\/.*/, ''));
    return true;
  }

  it('is afterwards exactly what it should be, with nothing left over', async () => {
    let over = false;
    const random = (below: number) => Math.floor(Math.random() * below);
    const churn = Array.from({ length: 4 }, async (_, worker) => {
      while (!over) {
        const slot = slots[worker + 4 * random(count / 4)] ?? slots[worker]!;
        await (Math.random() < 0.6 ? add(slot, random(apps)) : remove(slot));
        // While the agent is away a call fails at once.
        await delay(random(20));
      }
    });
    const policies = (async () => {
      while (!over) {
        rig.write(policy(random(apps), random(apps)));
        await delay(100);
      }
    })();
    await node.kill();
    for (let kills = 0; kills < 10 || answered < 100; kills++) await node.startFor(500 + random(3500));
    over = true;
    await Promise.all([...churn, policies]);
    assert.ok(answered < made, `all of ${made} were answered`);
    await node.start();
    for (const [i, slot] of slots.entries())
      await until(`${slot.name} to be settled`, () => (i % 2 === 0 ? add(slot, i % apps) : remove(slot)));
    // The last process has no spare maps of policies, and looks often.
    await node.program.stop();
    await node.start('--check-interval', '200ms');

    const living = slots.filter(({ containerId }) => containerId !== undefined);
    assert.equal(living.length, count / 2);
    const links = (JSON.parse(node.netns.ip('-json', 'link')) as { ifname: string; ifindex: number }[]).filter(
      ({ ifname }) => /^slu[0-9a-f]{11}$/.test(ifname),
    );
    assert.equal(links.length, living.length, 'interfaces');
    assert.equal(readdirSync(join(node.stateDir, 'endpoints')).length, living.length, 'records');
    assert.deepEqual(
      readdirSync(join(node.bpffs, 'links')).filter((name) => name.includes('pod')),
      [],
      'pins of links',
    );
    assert.deepEqual([...owners()].sort(), living.map(({ containerId }) => `${containerId}/eth0`).sort(), 'addresses');
    const routes = ['-4', '-6'].flatMap((family) => node.netns.ip(family, 'route', 'show').split('\n'));
    assert.deepEqual(
      routes.flatMap((line) => /^(\S+) dev slu/.exec(line)?.[1] ?? []).sort(),
      living.flatMap(({ ips }) => ips).sort(),
      'routes',
    );

    const kernel = new KernelPicture(node);
    const number = (bytes: readonly string[], at = 0) => Buffer.from(bytes.map(Number)).readUInt32LE(at);
    assert.deepEqual(
      kernel
        .entries('endpoints')
        .map(({ key }) => number(key))
        .sort(),
      links.map(({ ifindex }) => ifindex).sort(),
      'endpoints',
    );
    const used = new Set(kernel.entries('endpoints').map(({ value }) => number(value, endpoint.offsets.policyId)));
    const maps = kernel.entries('policies').map(({ key, value }) => ({ id: number(key), map: number(value) }));
    for (const id of used)
      assert.ok(
        maps.some((one) => one.id === id),
        `policy ${id} is there`,
      );
    // Besides, the agent makes a few empty ones ahead.
    const others = maps.filter(({ id }) => !used.has(id));
    assert.ok(others.length <= 32, `${others.length} maps of policies that nobody has`);
    assert.deepEqual(
      others.filter(({ map }) => !kernel.isEmpty(map)),
      [],
      'maps of policies that nobody has, and that hold something',
    );
    // What a look finds is what is spoilt here, and nothing else.
    kernel.delete('endpoints', kernel.entries('endpoints')[0]!.key);
    const mended = () =>
      node.program
        .stdout()
        .concat(node.program.stderr())
        .split('\n')
        .flatMap((line) => /"mended":(\d+)/.exec(line)?.[1] ?? []);
    await until('a look at all maps', () => mended().length > 0);
    assert.deepEqual(mended(), ['1']);
  });

  it('gives everybody who lives what policies say', async () => {
    for (let app = 0; app < apps; app++) rig.write(policy(app, (app + 1) % apps));
    const [server] = slots.filter(({ app, ips }) => app === 0 && ips.length > 0);
    const [client] = slots.filter(({ app, ips }) => app === 1 && ips.length > 0);
    const [stranger] = slots.filter(({ app, ips }) => app === 2 && ips.length > 0);
    const echo = await new Traffic(server!.netns.path).serve(8080);
    try {
      for (const address of server!.ips) {
        await until(
          'the client to be let in',
          async () => (await new Traffic(client!.netns.path).tcp(address, 8080, 300)) === 'ok',
        );
        assert.equal(await new Traffic(stranger!.netns.path).tcp(address, 8080, 300), 'timeout');
      }
    } finally {
      await echo.stop();
    }
  });

  /** Of addresses, by the node's record of them. */
  function owners(): Set<string> {
    const of = new Map<string, string>();
    for (const line of readFileSync(join(node.stateDir, 'ipam.jsonl'), 'utf8').split('\n').slice(1)) {
      if (line === '') continue;
      const { op, address, owner } = JSON.parse(line) as { op: string; address: string; owner: string };
      if (op === 'take') of.set(address, owner);
      else if (op === 'drop') of.delete(address);
    }
    return new Set(of.values());
  }
});
