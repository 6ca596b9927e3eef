import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CniEndpoints } from '../src/agent/datapath/cni-endpoints.ts';
import { EndpointManager, type EndpointManagerOptions } from '../src/agent/datapath/endpoint-manager.ts';
import { EndpointRecords } from '../src/agent/datapath/endpoint-records.ts';
import { EndpointRemovals } from '../src/agent/datapath/endpoint-removals.ts';
import { AgentIpam } from '../src/agent/ipam/agent-ipam.ts';
import { type AddRequest, attachmentNames } from '../src/cni/index.ts';
import { LinkRemover, type Netlink, NetworkNamespace, openKernel } from '../src/datapath/index.ts';
import { createLog } from '../src/lib/log.ts';
import { PolicyEngine } from '../src/network/policy/index.ts';
import { ipJson, LabNetwork, type Netns } from './support/lab-network.ts';
import { temporaryDir } from './support/proxy-rig.ts';

const kernel = await openKernel();
const log = createLog({ level: 'silent', format: 'text' });
const config = { cniVersion: '1.1.0' as const, name: 'sluice' };

/** Removals that happen when the test says so: a kernel that takes its time. */
class SlowLinks {
  readonly #remover: LinkRemover;
  #waiting: (() => void)[] = [];
  failures = 0;

  constructor(remover: LinkRemover) {
    this.#remover = remover;
  }
  get size(): number {
    return this.#waiting.length;
  }
  async remove(index: number): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.failures-- > 0) throw new Error('the kernel cannot');
    await this.#remover.remove(index);
  }
  /** Lets what was asked for so far happen. */
  go(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

describe('a pod that is deleted, while its interface is on its way out of the kernel', () => {
  let lab: LabNetwork;
  let [node, a, b]: Netns[] = [];
  let netlink: Netlink;
  let remover: LinkRemover;
  let links: SlowLinks;
  let temporary: ReturnType<typeof temporaryDir>;
  let ipam: AgentIpam;
  let endpoints: CniEndpoints;
  let removals: EndpointRemovals;
  let records: EndpointRecords;
  /** What the kernel's maps and hooks were told, and when. */
  let told: string[];

  beforeEach(() => {
    lab = new LabNetwork();
    [node, a, b] = ['node', 'a', 'b'].map((name) => lab.add(name));
    const door = new NetworkNamespace(kernel, node!.path);
    netlink = door.netlink();
    remover = door.run(() => new LinkRemover(kernel));
    door.close();
    links = new SlowLinks(remover);
    temporary = temporaryDir();
    ipam = new AgentIpam({
      ...{ mode: 'kubernetes', families: [4], path: join(temporary.path, 'ipam.jsonl'), bootId: 'b', log },
    });
    // Of these two can be given out.
    ipam.setPodCidrs({ podCidrs: ['10.1.0.0/30'] });
    records = new EndpointRecords(temporary.path);
    told = [];
    const state = {
      setEndpoint: () => {},
      deleteEndpoint: (ifindex: number) => {
        const [link] = ipJson<{ flags: string[] }>(node!, 'link', 'show').filter((_, i) => i > 0);
        assert.notEqual(netlink.links.find(ifindex), undefined);
        told.push(`cut off, record ${stateOf()}, interface ${link!.flags.includes('UP') ? 'up' : 'down'}`);
      },
      apply: () => {},
    };
    const nobody = { find: () => undefined, wait: async () => undefined };
    const common = { netlink, links, pods: nobody, identities: {}, log };
    const manager = new EndpointManager({
      ...{ ...common, records, state, onChange: () => {} },
      programs: { attach: () => told.push('attached'), detach: () => told.push('detached'), missing: () => [] },
      engine: new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: true }),
    } as unknown as EndpointManagerOptions);
    removals = new EndpointRemovals(links, log);
    endpoints = new CniEndpoints({
      ...{ ...common, manager, kernel, removals, ipam, families: [4], mtu: () => 1500, chained: false },
    } as unknown as ConstructorParameters<typeof CniEndpoints>[0]);
  });
  afterEach(async () => {
    links.go();
    await removals.close();
    await remover.close();
    netlink.close();
    ipam.close();
    temporary[Symbol.dispose]();
    lab.close();
  });

  const request = (containerId: string, netns: Netns): AddRequest => ({
    ...{ containerId, ifname: 'eth0', netns: netns.path, config },
  });
  const add = async (containerId: string, netns: Netns) =>
    (await endpoints.add(request(containerId, netns))).ips[0]!.address.replace(/\/.*/, '');
  const del = (containerId: string, netns: Netns) => endpoints.del(request(containerId, netns));
  /** Of the one endpoint that has a record. */
  const stateOf = (): string | undefined => {
    const dir = join(temporary.path, 'endpoints');
    const [name] = readdirSync(dir);
    return name === undefined ? undefined : JSON.parse(readFileSync(join(dir, name), 'utf8')).endpoint.state;
  };
  const soon = () => new Promise((later) => setTimeout(later, 20));
  const isOver = async (work: Promise<unknown>) => {
    let over = false;
    void work.finally(() => {
      over = true;
    });
    await soon();
    return over;
  };

  it('is cut off before anything else, and has no route, when DEL is answered; its programs stay to the end', async () => {
    const address = await add('c1', a!);
    assert.notEqual(node!.ip('route', 'show', address), '');
    told.splice(0);
    await del('c1', a!);
    assert.deepEqual(told, ['cut off, record disconnecting, interface up']);
    const { hostInterface } = attachmentNames({ containerId: 'c1', ifname: 'eth0' });
    assert.equal(netlink.links.find(hostInterface)?.isUp, false);
    assert.equal(node!.ip('route', 'show', address), '');
    links.go();
    await removals.settled();
    assert.deepEqual(told.slice(1), ['detached']);
    assert.equal(netlink.links.find(hostInterface), undefined);
    assert.equal(stateOf(), undefined);
  });

  it('keeps its address until its interface is gone: nobody else is given it, however often it is asked for', async () => {
    const first = await add('c1', a!);
    await del('c1', a!);
    assert.equal(ipam.ownerOf(first), 'c1/eth0');
    const second = await add('c2', b!);
    assert.notEqual(second, first);
    // A repeated DEL is answered at once, and gives nothing back either.
    await del('c1', a!);
    assert.equal(ipam.ownerOf(first), 'c1/eth0');
    assert.equal(stateOf(), 'disconnecting');
    links.go();
    await removals.settled();
    assert.equal(ipam.ownerOf(first), undefined);
  });

  it('makes the next pod wait where no other address is free', async () => {
    const addresses = [await add('c1', a!), await add('c2', b!)];
    await del('c1', a!);
    const third = add('c3', lab.add('c'));
    assert.equal(await isOver(third), false);
    links.go();
    assert.equal(await third, addresses[0]);
    await assert.rejects(add('c4', lab.add('d')), { code: 'IPAM_EXHAUSTED' });
  });

  it('is added again, by its own name and in its own namespace, once the old interface is gone', async () => {
    for (const containerId of ['c1', 'another']) {
      await add('c1', a!);
      await del('c1', a!);
      const again = add(containerId, a!);
      assert.equal(await isOver(again), false);
      links.go();
      assert.match(await again, /^10\.1\.0\.\d$/);
      const gone = del(containerId, a!);
      links.go();
      await gone;
      links.go();
      await removals.settled();
    }
  });

  it('has its removal tried again where the kernel refuses it', async () => {
    const address = await add('c1', a!);
    await del('c1', a!);
    links.failures = 1;
    links.go();
    await soon();
    assert.equal(ipam.ownerOf(address), 'c1/eth0');
    while (links.size === 0) await soon();
    links.go();
    await removals.settled();
    assert.equal(ipam.ownerOf(address), undefined);
    assert.equal(removals.size, 0);
  });

  it('gives its address back in the end where the disk was full; its interface, which is gone, is not removed again', async () => {
    const address = await add('c1', a!);
    await del('c1', a!);
    const release = ipam.release.bind(ipam);
    let refusals = 0;
    ipam.release = () => {
      refusals++;
      throw new Error('the disk is full');
    };
    links.go();
    while (refusals < 2) {
      assert.equal(links.size, 0);
      await soon();
    }
    assert.equal(ipam.ownerOf(address), 'c1/eth0');
    assert.equal(stateOf(), 'disconnecting');
    ipam.release = release;
    while (removals.size > 0) await soon();
    assert.equal(ipam.ownerOf(address), undefined);
    assert.equal(stateOf(), undefined);
    assert.equal(told.filter((what) => what === 'detached').length, 1);
    assert.equal(links.size, 0);
  });

  it('that could not be set up has all of it undone, also where the disk is full for a part', async () => {
    const release = ipam.release.bind(ipam);
    ipam.release = () => {
      throw new Error('the disk is full');
    };
    const write = records.write.bind(records);
    let writes = 0;
    records.write = (endpoint) => {
      if (++writes === 2) throw new Error('that is why');
      write(endpoint);
    };
    await assert.rejects(add('c1', a!), { message: 'that is why' });
    assert.equal(stateOf(), undefined);
    ipam.release = release;
    await del('c1', a!);
    assert.deepEqual(ipam.dump().allocations, []);
  });

  it('is left to the next agent by one that ends before the kernel is done', async () => {
    const address = await add('c1', a!);
    await del('c1', a!);
    await removals.close();
    links.go();
    await soon();
    assert.equal(ipam.ownerOf(address), 'c1/eth0');
    assert.equal(stateOf(), 'disconnecting');
  });

  it('is answered only when all is gone where its record cannot say that it is to go', async () => {
    await add('c1', a!);
    records.write = () => {
      throw new Error('the disk is full');
    };
    const deleted = del('c1', a!);
    assert.equal(await isOver(deleted), false);
    links.go();
    await deleted;
    assert.equal(existsSync(join(temporary.path, 'endpoints', '1.json')), false);
    assert.deepEqual(
      ipJson<{ ifname: string }>(a!, 'link', 'show').map(({ ifname }) => ifname),
      ['lo'],
    );
  });
});
