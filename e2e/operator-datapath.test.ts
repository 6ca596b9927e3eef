import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentIpam } from '../src/agent/ipam/agent-ipam.ts';
import { type KubeClient, pathOf, type RawObject, Reflector } from '../src/kube/index.ts';
import { createLog } from '../src/lib/log.ts';
import { nodePodCidrs } from '../src/operator/pod-cidrs-of-node.ts';
import { useCluster } from './support/cluster-rig.ts';
import { type Operator, prepareApi, startOperator } from './support/operator-rig.ts';
import { until } from './support/until.ts';

const log = createLog({ level: 'silent', format: 'json' });

/** What an agent does about Pod CIDRs, with the agent's own IPAM: reads its CiliumNode, and says what it needs. */
class Agent {
  readonly name: string;
  readonly #kube: KubeClient;
  readonly #path: string;
  readonly #abort = new AbortController();
  ipam: AgentIpam;
  #last: RawObject | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(kube: KubeClient, name: string, directory: string) {
    this.#kube = kube;
    this.name = name;
    this.#path = join(directory, name);
    this.ipam = this.#open();
    const set = (object: RawObject) => {
      if (object.metadata?.name !== name) return;
      this.#last = object;
      this.#look();
    };
    const reflector = new Reflector({
      client: kube,
      path: pathOf('CiliumNode'),
      signal: this.#abort.signal,
      follower: {
        startList() {},
        listed: (objects) => objects.forEach(set),
        unlisted() {},
        endList() {},
        changed: (events) => {
          for (const { type, object } of events) if (type !== 'DELETED') set(object);
        },
      },
    });
    void reflector.run();
  }

  /** As after kill -9: what is not on disk is gone. */
  crash(): void {
    this.ipam.close();
    this.ipam = this.#open();
    this.#look();
    this.ipam.restored(this.ipam.dump().allocations.map(({ owner }) => owner));
  }
  stop(): void {
    this.#abort.abort();
    this.ipam.close();
  }

  #open(): AgentIpam {
    const ipam = new AgentIpam({
      mode: 'cluster-pool-v2beta',
      families: [4],
      path: this.#path,
      bootId: 'boot',
      log,
      patience: 60_000,
    });
    ipam.observe(() => {
      this.#writing = this.#writing.then(() => this.#report(ipam)).catch(() => {});
    });
    return ipam;
  }
  #look(): void {
    if (this.#last === undefined) return;
    const { listed, statuses } = nodePodCidrs(this.#last);
    this.ipam.setPodCidrs({ podCidrs: listed, statuses: Object.fromEntries(statuses) });
  }
  /** All of the map: what it does not name any more goes. */
  async #report(ipam: AgentIpam): Promise<void> {
    if (this.#last === undefined) return;
    const gone = [...nodePodCidrs(this.#last).statuses.keys()].map((cidr) => [cidr, null]);
    const now = Object.entries(ipam.podCidrStatuses()).map(([cidr, status]) => [cidr, { status }]);
    await this.#kube.request({
      method: 'PATCH',
      path: pathOf('CiliumNode', { name: this.name, subresource: 'status' }),
      contentType: 'application/merge-patch+json',
      body: { status: { ipam: { 'pod-cidrs': { ...Object.fromEntries(gone), ...Object.fromEntries(now) } } } },
      signal: this.#abort.signal,
    });
  }
}

describe('what the operator does for the datapath, on a real API server', () => {
  const cluster = useCluster({ name: 'datapath-operator', nodes: 1, dns: false, proxy: 'none', cni: 'none' });
  const running: Operator[] = [];
  const agents: Agent[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'sluice-pod-cidrs-'));
  let port = 19_970;
  const start = async (identity: string) => {
    const operator = await startOperator(
      cluster(),
      identity,
      port++,
      ...['--datapath=ebpf', '--ipam=cluster-pool-v2beta', '--no-ipv6', '--lease-duration=3s'],
      ...['--cluster-pool-ipv4-cidr=10.77.0.0/24', '--cluster-pool-ipv4-mask-size=28'],
      ...['--identity-gc-interval=500ms', '--identity-heartbeat-timeout=1s', '--nodes-gc-interval=1s'],
    );
    running.push(operator);
    return operator;
  };
  const create = (kind: string, name: string, more = '') =>
    cluster().apply(`apiVersion: cilium.io/v2\nkind: ${kind}\nmetadata: {name: "${name}"}\n${more}`);

  before('custom resources, and an operator', async () => {
    await prepareApi(cluster());
    await (await start('first')).leads();
  });
  after('operators and agents', async () => {
    for (const agent of agents) agent.stop();
    await Promise.all(running.map((operator) => operator.end('SIGKILL')));
    rmSync(directory, { recursive: true });
  });

  it('gives Pod CIDRs to nodes as they need them, and no address to two Pods while operators and agents are killed', async () => {
    const { kube, apply } = cluster();
    const names = ['a', 'b', 'c'].map((letter) => `test-${letter}`);
    // They have Nodes, as they would be collected else.
    await apply(names.map((name) => `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\n`).join('---\n'));
    for (const name of names) {
      await create('CiliumNode', name);
      agents.push(new Agent(kube, name, directory));
    }
    const alive = new Map<string, string>();
    let last = 0;
    const add = async (agent: Agent) => {
      const owner = `${agent.name}-${last++}`;
      const { ipv4 = '' } = await agent.ipam.allocate(owner, [4]);
      assert.equal(alive.get(ipv4), undefined, `${ipv4} is ${owner}'s and ${alive.get(ipv4)}'s`);
      alive.set(ipv4, owner);
    };
    const remove = (agent: Agent, count: number) => {
      for (const [address, owner] of [...alive]
        .filter(([, each]) => each.startsWith(`${agent.name}-`))
        .slice(0, count)) {
        agent.ipam.release(owner);
        alive.delete(address);
      }
    };
    const [a, b, c] = agents as [Agent, Agent, Agent];
    for (const agent of agents) agent.ipam.restored([]);
    // 40 addresses are three CIDRs of 14, and a fourth for what may come.
    for (let i = 0; i < 40; i++) await add(a);
    for (let i = 0; i < 20; i++) await add(b);
    const standby = await start('second');
    await running[0]!.end('SIGKILL');
    for (let i = 0; i < 20; i++) await add(c);
    assert.equal((await standby.status())?.leading, true);
    a.crash();
    remove(a, 38);
    b.crash();
    // What a gives back is what b and c need: 16 CIDRs are all there are.
    await Promise.all([
      (async () => {
        for (let i = 0; i < 60; i++) await add(b);
      })(),
      (async () => {
        await delay(300);
        await start('third');
        await standby.end('SIGKILL');
      })(),
      (async () => {
        for (let i = 0; i < 50; i++) await add(c);
      })(),
    ]);
    for (const agent of agents) {
      agent.crash();
      for (const { address, owner } of agent.ipam.dump().allocations) assert.equal(alive.get(address), owner);
    }
    assert.equal(
      agents.reduce((sum, { ipam }) => sum + ipam.dump().allocations.length, 0),
      alive.size,
    );
    // All goes back but what a node keeps in reserve: with one of 14 it would be below the threshold of 16.
    for (const agent of agents) remove(agent, 1000);
    await until('two CIDRs for each node', async () => {
      const list = JSON.parse(await cluster().kubectl('get', 'ciliumnodes', '-o', 'json')) as { items: RawObject[] };
      const ours = list.items.map(nodePodCidrs).filter(({ name }) => names.includes(name));
      return ours.every(({ listed, statuses }) => listed.length === 2 && statuses.size === 2);
    });
  });

  it('says on the object that the pools are empty, until they are not', async () => {
    const { apply, waitFor, kubectl } = cluster();
    await apply('apiVersion: v1\nkind: Node\nmetadata: {name: test-big}\n');
    const errorOf = (object: RawObject | undefined) => (object === undefined ? undefined : nodePodCidrs(object).error);
    await create('CiliumNode', 'test-big', 'spec: {ipam: {podCIDRs: [10.77.0.0/24]}}\n');
    await waitFor('CiliumNode', 'test-big', 'told', (object) => /belongs to node test-/.test(errorOf(object) ?? ''));
    await apply('apiVersion: v1\nkind: Node\nmetadata: {name: test-late}\n');
    await create('CiliumNode', 'test-late');
    await waitFor('CiliumNode', 'test-late', 'told', (object) => /no IPv4 Pod CIDR left/.test(errorOf(object) ?? ''));
    await kubectl('delete', 'node', 'test-big');
    // Its CiliumNode goes after it.
    await waitFor('CiliumNode', 'test-big', 'gone', (object) => object === undefined);
    await waitFor(
      'CiliumNode',
      'test-late',
      'served',
      (object) => object !== undefined && nodePodCidrs(object).listed.length === 1 && errorOf(object) === '',
    );
  });

  it('deletes identities that no endpoint has, and no other', async () => {
    const { kubectl, waitFor } = cluster();
    await create('CiliumIdentity', '4711', 'security-labels: {"k8s:app": web}\n');
    await create('CiliumIdentity', '4712', 'security-labels: {"k8s:app": db}\n');
    await cluster().apply('apiVersion: cilium.io/v2\nkind: CiliumEndpoint\nmetadata: {name: db-0}\n', 'default');
    const status = { id: 1, identity: { id: 4712, labels: ['k8s:app=db'] } };
    await kubectl(
      ...['patch', 'ciliumendpoint', 'db-0', '-n', 'default', '--type=merge'],
      ...['-p', JSON.stringify({ status })],
    );
    await waitFor('CiliumIdentity', '4711', 'gone', (object) => object === undefined);
    assert.match(await kubectl('get', 'ciliumidentity', '4712', '-o', 'name'), /4712/);
    await kubectl('delete', 'ciliumendpoint', 'db-0', '-n', 'default');
    await waitFor('CiliumIdentity', '4712', 'gone', (object) => object === undefined);
  });
});
