import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseObject } from '../../api/index.ts';
import { createLog } from '../../lib/log.ts';
import { createTables, setObject } from '../../mesh/inputs.ts';
import { ClusterPools, type IpamMode } from '../../network/ipam/index.ts';
import { Store } from '../../store/index.ts';
import { AgentIpam } from '../ipam/agent-ipam.ts';
import { LocalNode } from './local-node.ts';
import type { NodeDevices } from './node-devices.ts';
import type { Publisher } from './publisher.ts';
import { tableObjects } from './table-objects.ts';

const log = createLog({ level: 'silent', format: 'json' });

describe('what a node knows and tells of itself', () => {
  let directory: string;
  const ends: (() => void)[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-node-'));
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end();
    rmSync(directory, { recursive: true });
  });

  /** A node that is alone, or one of a cluster, whose objects come by the tables. */
  const start = (mode: IpamMode, pools?: ClusterPools, objects: readonly object[] = []) => {
    const store = new Store({ schedule: () => {} });
    const tables = createTables(store);
    const set = (raw: object) => {
      const { object, diagnostics } = parseObject(raw);
      assert.ok(object, JSON.stringify(diagnostics));
      setObject(tables, object);
      store.flush();
    };
    for (const object of objects) set(object);
    const ipam = new AgentIpam({
      mode,
      families: [4],
      path: join(directory, 'ipam'),
      bootId: 'boot',
      log,
      patience: 0,
    });
    const cluster = tableObjects(tables);
    const told: Record<string, unknown>[] = [];
    const publisher = {
      apply(manifest: Parameters<Publisher['apply']>[0]) {
        told.push(manifest);
        if (pools !== undefined) void cluster.apply(manifest);
      },
    } as unknown as Publisher;
    const node = new LocalNode({
      ...{ tables, node: 'n', mode, ipam, publisher },
      devices: () => ({ ipv4: '192.0.2.1' }) as NodeDevices,
      ...(pools === undefined ? {} : { pools }),
    });
    ends.push(
      () => node.close(),
      () => ipam.close(),
    );
    const cidrs = () => ipam.dump().podCidrs.map(({ cidr }) => cidr);
    return { ipam, set, told, cidrs, flush: () => store.flush() };
  };
  const ciliumNode = (podCIDRs: readonly string[], statuses: object = {}) => ({
    ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumNode', metadata: { name: 'n' } },
    ...{ spec: { ipam: { podCIDRs } }, status: { ipam: { 'pod-cidrs': statuses } } },
  });

  it('has the Pod CIDRs of its Node, and tells them', () => {
    const { set, told, cidrs } = start('kubernetes');
    assert.deepEqual(cidrs(), []);
    set({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, spec: { podCIDRs: ['10.1.0.0/24'] } });
    assert.deepEqual(cidrs(), ['10.1.0.0/24']);
    const { spec } = told.at(-1) as { spec: { ipam?: object; addresses: object } };
    assert.deepEqual(spec, {
      addresses: [{ type: 'InternalIP', ip: '192.0.2.1' }],
      ipam: { podCIDRs: ['10.1.0.0/24'] },
    });
  });

  it('tells the labels of its Node, once that is there: others see these alone', () => {
    const { set, told } = start('kubernetes');
    const labels = () => (told.at(-1)?.metadata as { labels?: object } | undefined)?.labels;
    assert.equal(labels(), undefined);
    for (const now of [{ zone: 'a' }, { zone: 'b' }, {}]) {
      set({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', labels: now } });
      assert.deepEqual(labels(), now);
    }
  });

  it('leaves those of its CiliumNode to the operator, and tells what it does with them', async () => {
    const { ipam, set, told } = start('cluster-pool-v2beta', undefined, [ciliumNode(['10.1.0.0/28'])]);
    const last = () => told.at(-1) as { spec: { ipam?: object }; status?: { ipam: object } };
    assert.equal(last().spec.ipam, undefined);
    assert.deepEqual(last().status?.ipam, { 'pod-cidrs': { '10.1.0.0/28': { status: 'in-use' } } });
    for (let i = 0; i < 8; i++) await ipam.allocate(`pod-${i}`, [4]);
    assert.deepEqual(last().status?.ipam, { 'pod-cidrs': { '10.1.0.0/28': { status: 'depleted' } } });
    set(ciliumNode(['10.1.0.0/28', '10.1.0.64/28'], { '10.1.0.0/28': { status: 'depleted' } }));
    assert.deepEqual(last().status?.ipam, {
      'pod-cidrs': { '10.1.0.0/28': { status: 'in-use' }, '10.1.0.64/28': { status: 'in-use' } },
    });
  });

  it('takes its own where there is no operator: more when they run out, and fewer again', async () => {
    const pools = new ClusterPools({ ipv4: { cidrs: ['10.1.0.0/24'], maskSize: 28 } });
    const { ipam, cidrs, flush } = start('cluster-pool-v2beta', pools);
    ipam.restored([]);
    assert.deepEqual(cidrs(), ['10.1.0.0/28']);
    for (let i = 0; i < 40; i++) await ipam.allocate(`pod-${i}`, [4]);
    flush();
    assert.deepEqual(cidrs(), ['10.1.0.0/28', '10.1.0.16/28', '10.1.0.32/28', '10.1.0.48/28']);
    for (let i = 0; i < 40; i++) ipam.release(`pod-${i}`);
    flush();
    // Which ones depends on who was the last to go.
    assert.equal(cidrs().length, 2);
  });

  it('begins with those that its object names', () => {
    const pools = new ClusterPools({ ipv4: { cidrs: ['10.1.0.0/24'], maskSize: 28 } });
    const { cidrs } = start('cluster-pool', pools, [ciliumNode(['10.1.0.128/28'])]);
    assert.deepEqual(cidrs(), ['10.1.0.128/28']);
  });
});
