import assert from 'node:assert/strict';
import { type Addresses, Netns } from './support/netns.ts';

interface Shown {
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly label?: string;
  readonly protocol?: string;
  readonly noprefixroute?: boolean;
  readonly tentative?: boolean;
}

const nothing = { added: [], removed: [], foreign: [], faults: [] };

describe('addresses of load balancers on a node', () => {
  let netns: Netns;
  const shown = async (): Promise<Shown[]> => {
    const [{ addr_info }] = JSON.parse(await netns.ip('-json', 'address', 'show', 'dev', 'lo')) as [
      { addr_info: Shown[] },
    ];
    return addr_info;
  };
  const locals = async () => (await shown()).map(({ local }) => local).sort();

  beforeEach(async () => {
    netns = new Netns();
    await netns.ip('link', 'set', 'lo', 'up');
  });
  afterEach(() => netns.close());

  it('are local, of both families, and a second reconcile changes nothing', async () => {
    const wanted = ['10.90.200.1', 'FD00:0:0::1'];
    assert.deepEqual(await netns.reconcile(wanted), {
      ...nothing,
      present: ['10.90.200.1', 'fd00::1'],
      added: ['10.90.200.1', 'fd00::1'],
    });
    assert.deepEqual(await netns.reconcile(wanted), { ...nothing, present: ['10.90.200.1', 'fd00::1'] });
    const all = await shown();
    const v4 = all.find(({ local }) => local === '10.90.200.1');
    const v6 = all.find(({ local }) => local === 'fd00::1');
    assert.equal(v4?.prefixlen, 32);
    assert.equal(v4?.scope, 'link');
    assert.equal(v6?.prefixlen, 128);
    assert.equal(v6?.tentative, undefined);
    assert.match(await netns.ip('route', 'get', '10.90.200.1'), /local 10\.90\.200\.1 dev lo/);
    assert.match(await netns.ip('-6', 'route', 'get', 'fd00::1'), /local fd00::1 .*dev lo/);
  });

  it('are known as ours by a process that is started anew, and go when nothing wants them', async () => {
    await netns.reconcile(['10.90.200.1', '10.90.200.2', 'fd00::1']);
    await netns.restart();
    assert.deepEqual(await netns.reconcile(['10.90.200.2'], ['fd00::1']), {
      ...nothing,
      present: ['10.90.200.2', 'fd00::1'],
      removed: ['10.90.200.1'],
    });
    assert.deepEqual(await netns.reconcile(['10.90.200.2']), {
      ...nothing,
      present: ['10.90.200.2'],
      removed: ['fd00::1'],
    });
    await netns.reconcile([]);
    assert.deepEqual(await locals(), ['127.0.0.1', '::1']);
  });

  it('of others are left alone, wanted or not', async () => {
    await netns.ip('address', 'add', '10.90.200.7/32', 'dev', 'lo');
    await netns.ip('address', 'add', 'fd00::7/128', 'dev', 'lo');
    assert.deepEqual(await netns.reconcile(['10.90.200.7', '127.0.0.1', '::1']), {
      ...nothing,
      present: [],
      foreign: ['10.90.200.7', '127.0.0.1', '::1'],
    });
    assert.deepEqual(await netns.reconcile([]), { ...nothing, present: [] });
    assert.deepEqual(await locals(), ['10.90.200.7', '127.0.0.1', '::1', 'fd00::7']);
  });

  it('come back when somebody takes them away', async () => {
    await netns.reconcile(['10.90.200.1']);
    await netns.ip('address', 'del', '10.90.200.1/32', 'dev', 'lo');
    assert.deepEqual((await netns.reconcile(['10.90.200.1'])).added, ['10.90.200.1']);
  });

  it('may be many: more than one datagram of the kernel holds', async () => {
    const wanted = Array.from({ length: 1500 }, (_, i) => `10.91.${i >> 8}.${i & 255}`);
    assert.equal((await netns.reconcile(wanted)).added.length, 1500);
    const again = await netns.reconcile(wanted);
    assert.equal(again.present.length, 1500);
    assert.deepEqual({ ...again, present: [] }, { ...nothing, present: [] });
    assert.equal((await netns.reconcile([])).removed.length, 1500);
  });
});

describe('addresses without the capability NET_ADMIN', () => {
  it('are faults that say what is missing, one for each', async () => {
    const netns = new Netns({ privileged: false });
    try {
      const { faults, ...report }: Addresses = await netns.reconcile(['10.90.200.1', 'fd00::1']);
      assert.deepEqual(report, { present: [], added: [], removed: [], foreign: [] });
      assert.deepEqual(
        faults.map(({ code }) => code),
        ['NETLINK_EPERM', 'NETLINK_EPERM'],
      );
      assert.match(faults[0]?.hint ?? '', /NET_ADMIN/);
    } finally {
      await netns.close();
    }
  });
});
