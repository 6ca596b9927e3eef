import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { type DatapathMaps, openBpf, openKernel, openMaps, removePins } from '../../datapath/index.ts';
import type { PolicyEntry, SubjectPolicy } from '../../network/policy/index.ts';
import { PolicyMapsWriter } from './policy-maps-writer.ts';

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
});
