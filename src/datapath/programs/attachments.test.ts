import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { type DatapathMaps, openMaps, Pins, removePins } from '../maps/index.ts';
import type { Bpf } from '../sys/bpf-calls.ts';
import { openKernel } from '../sys/kernel.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { openBpf } from '../sys/libbpf.ts';
import type { AttachMode } from './attachments.ts';
import { findPrograms } from './find-programs.ts';
import { hooks } from './hook.ts';
import { loadPrograms, type Programs } from './load-programs.ts';
import { TestNetns } from './testing/test-netns.ts';

const sizes = {
  ...{ ipcache4: 1024, ipcache6: 1024, conntrack4: 1024, conntrack6: 1024, events: 1 << 16 },
  ...{ fragments4: 64, fragments6: 64 },
} as const;

describe('programs', function () {
  // Each time the verifier goes through all programs.
  this.timeout(60_000);
  let bpf: Bpf;
  let kernel: Kernel;
  let netns: TestNetns;
  let directory: string;
  let maps: DatapathMaps;
  const loaded: Programs[] = [];
  /** Links are made in the namespace of the calling thread. */
  const load = (mode: AttachMode = 'auto') => {
    const programs = netns.run(() => loadPrograms(bpf, kernel, maps, { mode }));
    loaded.push(programs);
    return programs;
  };
  const idOf = (programs: Programs, hook: (typeof hooks)[number]) =>
    bpf.programInfo(programs.fds.get(hook) as number).id;

  before(async () => {
    bpf = await openBpf();
    kernel = await openKernel();
    new Pins(bpf, kernel, '/sys/fs/bpf');
    netns = await TestNetns.start(kernel);
  });
  after(async () => netns?.stop());
  beforeEach(() => {
    directory = mkdtempSync(`/sys/fs/bpf/sluice-test-${process.pid}-`);
    maps = openMaps(bpf, kernel, { directory, sizes });
  });
  afterEach(() => {
    for (const programs of loaded.splice(0)) programs.close();
    maps?.close();
    removePins(directory);
  });

  it('the verifier of this kernel accepts every one of them', () => {
    assert.deepEqual([...load().fds.keys()], hooks);
  });

  it('a tcx link outlives its agent, and the next one replaces the program in place', () => {
    const ifindex = netns.addVeth('v1');
    const first = load('tcx');
    netns.run(() => {
      first.attachments.attach(ifindex, 'from_pod');
      first.attachments.attach(ifindex, 'to_pod');
      first.attachments.attach(ifindex, 'from_pod');
    });
    assert.equal(first.attachments.programId(ifindex, 'from_pod'), idOf(first, 'from_pod'));
    const second = load('tcx');
    assert.notEqual(idOf(second, 'from_pod'), idOf(first, 'from_pod'));
    assert.equal(
      second.attachments.programId(ifindex, 'from_pod'),
      idOf(first, 'from_pod'),
      'not before it is told to',
    );
    netns.run(() => {
      second.attachments.attach(ifindex, 'from_pod');
      second.attachments.attach(ifindex, 'to_pod');
    });
    assert.equal(second.attachments.programId(ifindex, 'from_pod'), idOf(second, 'from_pod'));
    assert.equal(second.attachments.programId(ifindex, 'to_pod'), idOf(second, 'to_pod'));
    second.attachments.detach(ifindex, 'from_pod');
    assert.equal(second.attachments.programId(ifindex, 'from_pod'), undefined);
    assert.deepEqual(second.attachments.links(), [{ hook: 'to_pod', ifindex }]);
    second.attachments.detach(ifindex, 'from_pod');
  });

  it('a tcx link whose device is gone is forgotten, and its number can be used again', () => {
    const ifindex = netns.addVeth('v2');
    netns.run(() => load().attachments.attach(ifindex, 'from_pod'));
    netns.ip('link', 'del', 'v2');
    assert.deepEqual(readdirSync(`${directory}/links`), [`from_pod_${ifindex}`]);
    assert.deepEqual(load().attachments.links(), []);
    netns.ip('link', 'add', 'v2', 'index', String(ifindex), 'type', 'veth', 'peer', 'name', 'v2p');
    const programs = load();
    netns.run(() => programs.attachments.attach(ifindex, 'from_pod'));
    assert.equal(programs.attachments.programId(ifindex, 'from_pod'), idOf(programs, 'from_pod'));
  });

  it('an interface that is not there is a fault', () => {
    const { attachments } = load();
    const attach = () => netns.run(() => attachments.attach(99_999, 'from_pod'));
    assert.throws(attach, { code: 'ATTACH_ENODEV' });
  });

  for (const mode of ['tcx', 'clsact'] as const) {
    it(`what is not wanted is taken away: ${mode}`, () => {
      const [one, two] = [netns.addVeth(`${mode}1`), netns.addVeth(`${mode}2`)];
      const { attachments } = load(mode);
      netns.run(() => {
        for (const ifindex of [one, two])
          for (const hook of ['from_pod', 'to_pod'] as const) attachments.attach(ifindex, hook);
        const wanted = [
          { ifindex: one, hook: 'from_pod' },
          { ifindex: one, hook: 'to_pod' },
        ] as const;
        assert.equal(attachments.prune(wanted, [one, two]).length, 2);
        assert.equal(attachments.prune(wanted, [one, two]).length, 0);
        assert.notEqual(attachments.programId(one, 'to_pod'), undefined);
        assert.equal(attachments.programId(two, 'to_pod'), undefined);
        assert.equal(attachments.isInForce(one, 'to_pod'), true);
        assert.equal(attachments.isInForce(two, 'to_pod'), false);
        const next = load(mode).attachments;
        if (mode === 'clsact') next.attach(one, 'from_pod');
        assert.equal(next.isInForce(one, 'to_pod'), false, "the former process's program");
        next.attach(one, 'to_pod');
        assert.equal(next.isInForce(one, 'to_pod'), true);
      });
    });
  }

  it('are found wherever an agent left them, as tcx links or filters, and taken off', () => {
    const [one, two] = [netns.addVeth('l1'), netns.addVeth('l2')];
    const { attachments } = load('tcx');
    netns.run(() => {
      attachments.attach(one, 'from_uplink');
      attachments.attach(two, 'to_pod', 'filter');
      const look = () => findPrograms(bpf, kernel, { directory: `${directory}/links`, devices: [one, two] });
      const found = look();
      assert.deepEqual(
        found.map(({ ifindex, how, name }) => [ifindex, how, name]),
        [
          [one, 'link', 'from_uplink'],
          [two, 'filter', 'egress'],
        ],
      );
      for (const each of found) for (const _ of [1, 2]) each.detach();
      assert.equal(bpf.queryFilter(two, 'egress'), undefined);
      // The pin is there still; what it holds is on no device.
      assert.deepEqual(
        look().map(({ ifindex, how }) => [ifindex, how]),
        [[0, 'link']],
      );
      assert.deepEqual(findPrograms(bpf, kernel, { directory: `${directory}/none`, devices: [one, two] }), []);
    });
  });

  it('filters where tcx would do, for devices that come and go; a link that is there stays one', () => {
    const [one, two] = [netns.addVeth('f1'), netns.addVeth('f2')];
    const first = load('tcx');
    netns.run(() => {
      first.attachments.attach(one, 'from_pod', 'filter');
      first.attachments.attach(two, 'from_pod');
      first.attachments.attach(two, 'from_pod', 'filter');
    });
    assert.deepEqual(first.attachments.links(), [{ hook: 'from_pod', ifindex: two }]);
    assert.equal(first.attachments.mode, 'tcx');
    const second = load('tcx');
    netns.run(() => {
      second.attachments.attach(one, 'from_pod', 'filter');
      assert.equal(second.attachments.programId(one, 'from_pod'), idOf(second, 'from_pod'));
      second.attachments.detach(one, 'from_pod');
      second.attachments.detach(one, 'from_pod');
      assert.equal(bpf.queryFilter(one, 'ingress'), undefined);
    });
  });

  it('clsact filters are replaced in place, and detached', () => {
    const ifindex = netns.addVeth('v3');
    const first = load('clsact');
    netns.run(() => first.attachments.attach(ifindex, 'to_pod'));
    const second = load('clsact');
    netns.run(() => {
      second.attachments.attach(ifindex, 'to_pod');
      assert.equal(second.attachments.programId(ifindex, 'to_pod'), idOf(second, 'to_pod'));
      second.attachments.detach(ifindex, 'to_pod');
      second.attachments.detach(ifindex, 'to_pod');
      assert.equal(second.attachments.programId(ifindex, 'to_pod'), undefined);
    });
  });
});
