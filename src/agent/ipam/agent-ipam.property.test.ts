import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Fault } from '../../lib/fault.ts';
import { contains, formatIp, type IpFamily, parseCidr, parseIp } from '../../lib/ip-address.ts';
import { createLog } from '../../lib/log.ts';
import { type IpamMode, podCidrOf } from '../../network/ipam/index.ts';
import { AgentIpam } from './agent-ipam.ts';

const log = createLog({ level: 'silent', format: 'json' });
/** Small, and one inside the other. */
const cidrs = ['10.0.0.0/29', '10.0.0.8/30', '10.0.0.0/28', '10.0.1.0/31', '10.0.2.7/32', 'fd00::/125', 'fd00::8/127'];
const reserved = [parseCidr('10.0.0.2/32')!, parseCidr('10.0.0.12/31')!, parseCidr('fd00::3/128')!];
const addresses = cidrs.flatMap((text) => {
  const { family, first, last } = parseCidr(text)!;
  return Array.from({ length: Number(last - first + 1n) }, (_, i) => formatIp({ family, value: first + BigInt(i) }));
});

const thresholds = { allocation: 1, release: 2 };

const owner = fc.constantFrom('a/eth0', 'b/eth0', 'c/eth0', 'd/eth0', 'e/eth0', 'f/eth0');
const families = fc.constantFrom<readonly IpFamily[]>([4], [6], [4, 6]);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('allocate' as const), owner, families }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), owner }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      owner,
      address: fc.constantFrom(...addresses, '192.0.2.1'),
      restored: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cidrs' as const), cidrs: fc.subarray(cidrs) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restored' as const), owners: fc.array(owner) }) },
  // Killed, in the middle of a line or of writing the record anew.
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('kill' as const),
      torn: fc.constantFrom(
        '',
        '{"op":"take","address":"10.0.0.1","ow',
        '{"op":"take","address":"10.0.0.5","owner":"z/eth0"}',
        '\u0000',
      ),
      rewriting: fc.boolean(),
    }),
  },
);

/** Who has what, kept by the test: what the allocator says is held against it. */
class Rig {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-ipam-'));
  readonly path = join(this.directory, 'addresses');
  readonly mode: IpamMode;
  readonly model = new Map<string, string>();
  listed: readonly string[] = [];
  /** Given back, and not taken yet. */
  readonly released = new Set<string>();
  ipam: AgentIpam;

  constructor(mode: IpamMode) {
    this.mode = mode;
    this.ipam = this.open();
  }
  open(): AgentIpam {
    const { path, mode } = this;
    return new AgentIpam({ mode, families: [4, 6], reserved, path, bootId: 'boot', log, patience: 0 });
  }
  close(): void {
    this.ipam.close();
    rmSync(this.directory, { recursive: true });
  }

  /** What may be given out at all, by the obvious way. */
  free(family: IpFamily): string[] {
    const open = this.listed.filter((text) => !this.released.has(text)).map((text) => podCidrOf(text)!);
    return addresses.filter((text) => {
      const address = parseIp(text)!;
      return (
        address.family === family &&
        !this.model.has(text) &&
        !reserved.some((range) => contains(range, address)) &&
        open.some(({ usable }) => contains(usable, address))
      );
    });
  }

  async take(one: string, wanted: readonly IpFamily[]): Promise<void> {
    const had = [...this.model].filter(([, each]) => each === one).map(([text]) => text);
    const missing = wanted.filter((family) => !had.some((text) => parseIp(text)!.family === family));
    const free = missing.map((family) => this.free(family));
    try {
      const allocation = await this.ipam.allocate(one, wanted);
      for (const [i, family] of missing.entries()) {
        const text = family === 4 ? allocation.ipv4 : allocation.ipv6;
        assert.ok(text !== undefined && free[i]!.includes(text), `${text} was not free`);
        this.model.set(text, one);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      assert.equal(error.code, 'IPAM_EXHAUSTED');
      assert.ok(
        free.some((list) => list.length === 0),
        'something is free',
      );
    }
  }

  claim(text: string, one: string, restored: boolean): void {
    const holder = this.model.get(text);
    const open = this.free(4).includes(text) || this.free(6).includes(text);
    const expected =
      holder === one
        ? undefined
        : holder !== undefined
          ? 'IPAM_IN_USE'
          : restored || open
            ? undefined
            : 'IPAM_OUT_OF_RANGE';
    let code: string | undefined;
    try {
      this.ipam.claim(text, one, { restored });
      this.model.set(text, one);
    } catch (error) {
      code = (error as Fault).code;
    }
    assert.equal(code, expected);
  }

  check(): void {
    const dump = this.ipam.dump();
    assert.deepEqual(
      new Map(dump.allocations.map(({ address, owner: one }) => [address, one])),
      new Map(this.model),
      'who has what',
    );
    assert.equal(dump.allocations.length, this.model.size, 'each once');
    for (const { cidr, used, total } of dump.podCidrs) {
      const { usable } = podCidrOf(cidr)!;
      const offered = addresses.filter(
        (text, i) =>
          addresses.indexOf(text) === i &&
          contains(usable, parseIp(text)!) &&
          !reserved.some((range) => contains(range, parseIp(text)!)),
      );
      assert.equal(total, BigInt(offered.length), `${cidr}: total`);
      assert.equal(used, BigInt(offered.filter((text) => this.model.has(text)).length), `${cidr}: used`);
    }
    const statuses = this.ipam.podCidrStatuses();
    for (const [cidr, status] of Object.entries(statuses))
      if (status === 'released') {
        assert.equal(this.mode, 'cluster-pool-v2beta');
        this.released.add(cidr);
        for (const text of this.model.keys())
          assert.ok(!contains(parseCidr(cidr)!, parseIp(text)!), 'given back in use');
      }
    // What was taken from the node is still said to be in use, so that nobody else gets it.
    for (const { cidr } of dump.podCidrs)
      if (!this.listed.includes(cidr)) assert.equal(statuses[cidr], 'in-use', `${cidr} is retired`);
  }
}

describe('addresses of a node', () => {
  for (const mode of ['kubernetes', 'cluster-pool-v2beta'] as const)
    it(`are nobody's twice, whatever happens in between and however often the agent is killed: ${mode}`, async function () {
      this.timeout(60_000);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const rig = new Rig(mode);
          try {
            for (const one of steps) {
              if (one.do === 'allocate') await rig.take(one.owner, one.families);
              else if (one.do === 'claim') rig.claim(one.address, one.owner, one.restored);
              else if (one.do === 'release') {
                const had = [...rig.model].filter(([, each]) => each === one.owner).map(([text]) => text);
                assert.deepEqual([...rig.ipam.release(one.owner)].sort(), had.sort());
                for (const text of had) rig.model.delete(text);
              } else if (one.do === 'cidrs') {
                rig.listed = one.cidrs;
                for (const cidr of rig.released) if (!rig.listed.includes(cidr)) rig.released.delete(cidr);
                rig.ipam.setPodCidrs({ podCidrs: one.cidrs, statuses: rig.ipam.podCidrStatuses(), thresholds });
              } else if (one.do === 'restored') {
                rig.ipam.restored(one.owners);
                for (const [text, each] of rig.model)
                  if (!(one.owners as string[]).includes(each)) rig.model.delete(text);
              } else {
                const statuses = rig.ipam.podCidrStatuses();
                const before = readFileSync(rig.path);
                rig.ipam.close();
                if (one.rewriting) writeFileSync(`${rig.path}.new`, before.subarray(0, before.length / 2));
                appendFileSync(rig.path, one.torn);
                rig.ipam = rig.open();
                rig.ipam.setPodCidrs({ podCidrs: rig.listed, statuses, thresholds });
                assert.deepEqual(rig.ipam.podCidrStatuses(), statuses);
              }
              rig.check();
            }
          } finally {
            rig.close();
          }
        }),
        { numRuns: 500 },
      );
    });
});
