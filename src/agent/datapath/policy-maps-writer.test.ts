import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { type DatapathMaps, openBpf, openKernel, openMaps, removePins } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import { createLog, type Log } from '../../lib/log.ts';
import type { PolicyEntry, SubjectPolicy } from '../../network/policy/index.ts';
import { PolicyMapStock } from './policy-map-stock.ts';
import { PolicyMapsWriter } from './policy-maps-writer.ts';

async function until(what: string, is: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !is(); i++) await new Promise((later) => setTimeout(later, 5));
  assert.ok(is(), what);
}

const sizes = {
  ...{ endpoints: 64, local_addresses: 64, ipcache4: 64, ipcache6: 64, policies: 3, policy: 64 },
  ...{ conntrack4: 64, conntrack6: 64, fragments4: 64, fragments6: 64, events: 4096 },
};

const entry = (identity: number, port: number): PolicyEntry => ({
  ...{ direction: 'ingress', identity, protocol: 6, port, portBits: 16, verdict: 'allow' },
  rule: { id: 1, text: 'default/web ingress[0]' } as unknown as PolicyEntry['rule'],
});
/** As far as the writer asks. */
const subject = (...entries: PolicyEntry[]) => ({ entries: () => entries.values() }) as unknown as SubjectPolicy;

describe('maps of policies', () => {
  let directory: string;
  let maps: DatapathMaps;

  beforeEach(async () => {
    directory = mkdtempSync(`/sys/fs/bpf/sluice-test-${process.pid}-`);
    maps = openMaps(await openBpf(), await openKernel(), { directory, sizes });
  });
  afterEach(() => {
    maps?.close();
    removePins(directory);
  });
  const contents = (id: number) =>
    Array.from(maps.policies.get(id)!.entries(), ([{ identity, port }, { packets }]) => [
      identity,
      port,
      Number(packets),
    ]);

  it('are shared by their users, and spare when the last one has gone: whole, for who still looks into them', () => {
    const writer = new PolicyMapsWriter(maps.policies, 0);
    const web = subject(entry(300, 80), entry(301, 80));
    const id = writer.acquire(web);
    assert.equal(writer.acquire(web), id);
    writer.release(web);
    assert.equal(contents(id).length, 2);
    writer.release(web);
    assert.equal(contents(id).length, 2);
    assert.deepEqual(writer.spare(), [id]);
    assert.deepEqual([writer.size, writer.idOf(web)], [0, undefined]);
  });

  it('are used again, with nothing of what was in them, counters included', () => {
    const writer = new PolicyMapsWriter(maps.policies, 0, 0);
    const [web, other] = [subject(entry(300, 80)), subject(entry(300, 80), entry(302, 81))];
    const id = writer.acquire(web);
    const map = maps.policies.get(id)!;
    // As programs count.
    for (const [key, value] of [...map.entries()]) map.set(key, { ...value, packets: 7n });
    writer.release(web);
    assert.equal(writer.acquire(other), id);
    assert.deepEqual(contents(id).sort(), [
      [300, 80, 0],
      [302, 81, 0],
    ]);
  });

  it('rest before they are, unless there is no room for more', () => {
    const writer = new PolicyMapsWriter(maps.policies, 0);
    const [a, b, c, d] = [1, 2, 3, 4].map((port) => subject(entry(300, port)));
    const first = writer.acquire(a!);
    writer.release(a!);
    const others = [writer.acquire(b!), writer.acquire(c!)];
    assert.ok(!others.includes(first));
    assert.equal(writer.acquire(d!), first);
    assert.throws(() => writer.acquire(a!), { code: 'MAP_E2BIG' });
  });

  it('without room for all hold what denies: what allows gives way to it, and comes back when there is room', () => {
    const writer = new PolicyMapsWriter(maps.policies, 0);
    const allows = Array.from({ length: sizes.policy + 2 }, (_, i) => entry(300, i + 1));
    const denies = Array.from({ length: 3 }, (_, i) => ({ ...entry(301, i + 1), verdict: 'deny' as const }));
    const all = [...allows];
    const web = { entries: () => all.values() } as unknown as SubjectPolicy;
    const id = writer.acquire(web);
    assert.equal(writer.refused, 2);
    const denied = () => contents(id).filter(([identity]) => identity === 301).length;

    for (const [i, deny] of denies.entries()) {
      all.push(deny);
      writer.upsert(web, [deny]);
      assert.deepEqual([denied(), contents(id).length, writer.refused], [i + 1, sizes.policy, i + 3]);
    }
    // Told with the flag that helps, as any full map.
    assert.match(writer.reconcilers()[0]?.fault?.hint ?? '', /--map-size=policy=N/);

    // The first to come back is what denies, whatever was refused before it.
    writer.remove(web, [denies[0]!]);
    all.splice(all.indexOf(denies[0]!), 1);
    assert.deepEqual([denied(), contents(id).length, writer.refused], [2, sizes.policy, 4]);
    writer.remove(web, all.splice(0, 6));
    assert.deepEqual([contents(id).length, writer.refused], [all.length, 0]);
  });

  describe('that are made ahead', () => {
    const log = createLog({ level: 'silent', format: 'text' });
    let writer: PolicyMapsWriter;

    beforeEach(async () => {
      maps.close();
      removePins(directory);
      maps = openMaps(await openBpf(), await openKernel(), { directory, sizes: { ...sizes, policies: 80 } });
      writer = new PolicyMapsWriter(maps.policies, 0);
    });
    afterEach(() => writer.stock.close());
    const full = () => until('the stock to be full', () => writer.stock.size >= 24);

    it('are what the next policies get, with all their entries, and others are made in their place', async () => {
      writer.stock.start(log);
      await full();
      const ahead = writer.stock.ids();
      assert.deepEqual([...maps.policies.ids()].sort(), ahead.toSorted());
      const subjects = Array.from({ length: 30 }, (_, i) => subject(entry(300, i + 1)));
      const ids = subjects.map((one) => writer.acquire(one));
      assert.deepEqual(ids, ahead.slice(0, 30));
      for (const [i, id] of ids.entries()) assert.deepEqual(contents(id), [[300, i + 1, 0]]);
      await full();
      assert.equal(new Set([...ids, ...writer.stock.ids()]).size, ids.length + writer.stock.size);
      assert.equal(writer.size, 30);
    });

    it('leave room for policies that are there: the last one is as many as there could be without', async () => {
      writer.stock.start(log);
      for (let i = 0; i < 80; i++) {
        writer.acquire(subject(entry(300, i + 1)));
        if (i % 10 === 0) await new Promise((later) => setTimeout(later, 30));
      }
      assert.throws(() => writer.acquire(subject(entry(301, 1))), { code: 'MAP_E2BIG' });
    });

    it('are not what a check takes for somebody else’s, nor those that are being taken away', async () => {
      writer.stock.start(log);
      const subjects = Array.from({ length: 40 }, (_, i) => subject(entry(300, i + 1)));
      for (const one of subjects) writer.acquire(one);
      for (const one of subjects) writer.release(one);
      for (let i = 0; i < 20; i++) {
        const check = writer.check(() => true);
        let step = check.next();
        while (!step.done) step = check.next();
        assert.equal(step.value, 0);
        await new Promise((later) => setTimeout(later, 2));
      }
      await full();
      await until('the others to be gone', () => [...maps.policies.ids()].length === 8 + writer.stock.size);
    });

    it('are made again later where the kernel refused it for a while; what it kept meanwhile a check takes away', async () => {
      const { policies } = maps;
      const deleteAside = policies.deleteAside.bind(policies);
      const warned: string[] = [];
      let last = 100;
      const stock = new PolicyMapStock(...([policies, () => ++last, () => 80] as const), 10);
      let refusals = 0;
      policies.deleteAside = async (ids) => {
        if (ids.length === 0) return;
        refusals++;
        throw new Fault('MAP_ENOMEM', 'no memory');
      };
      stock.start({ warn: (_: unknown, message: string) => warned.push(message) } as unknown as Log);
      await until('the stock to be full', () => stock.size >= 24);
      for (let i = 1; i <= 3; i++) {
        const { id } = stock.take()!;
        await until('it to go on', () => stock.dispose(id));
        await until('the refusal', () => refusals === i);
        await until('it to be nobody’s', () => !stock.ids().includes(id));
      }
      assert.equal(warned.length, 1);
      policies.deleteAside = deleteAside;
      const used = Array.from({ length: 10 }, () => stock.take()!.id);
      await until('others to be made', () => stock.size >= 24);
      for (const id of used) await until('it to go on', () => stock.dispose(id));
      await until('them to be gone', () => ![...policies.ids()].some((id) => used.includes(id)));
      await stock.close();
    });
  });
});
