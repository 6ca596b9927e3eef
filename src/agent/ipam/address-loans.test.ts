import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { Fault } from '../../lib/fault.ts';
import { createLog } from '../../lib/log.ts';
import { AddressLoans, type AddressLoansOptions } from './address-loans.ts';
import { AgentIpam } from './agent-ipam.ts';

const log = createLog({ level: 'silent', format: 'json' });

/** An agent's addresses, over several lives of it. */
class Rig {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-loans-'));
  ipam!: AgentIpam;
  loans!: AddressLoans;

  constructor(options: Partial<AddressLoansOptions> = {}) {
    this.start([], options);
  }

  start(endpoints: Iterable<string>, options: Partial<AddressLoansOptions> = {}): void {
    this.ipam?.close();
    this.loans?.close();
    this.ipam = new AgentIpam({
      ...{ mode: 'kubernetes', families: [4, 6], log, bootId: 'boot', patience: 0 },
      path: join(this.directory, 'ipam.jsonl'),
    });
    this.loans = new AddressLoans({ ipam: this.ipam, log, ...options });
    this.ipam.setPodCidrs({ podCidrs: ['10.0.0.0/29', 'fd00::/125'] });
    this.ipam.restored([...endpoints, ...this.loans.owners()]);
    this.loans.resume();
  }
  held(): Map<string, string> {
    return new Map(this.ipam.dump().allocations.map(({ address, description }) => [address, description]));
  }
  async expired(address: string): Promise<void> {
    for (const end = performance.now() + 5000; this.held().has(address); await delay(5))
      assert.ok(performance.now() < end, `${address} does not expire`);
  }
  close(): void {
    this.loans.close();
    this.ipam.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

describe('addresses that are lent', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  it('outlive the agent, until they are given back, one by one or by the name of who asked', async () => {
    rig = new Rig();
    const { ipv4, ipv6 } = await rig.loans.lend('tool', [4, 6], false);
    rig.loans.lendThis('10.0.0.6', 'tool');
    rig.start([]);
    assert.deepEqual([...rig.held().keys()].sort(), [ipv4, '10.0.0.6', ipv6].sort());
    assert.equal(rig.loans.takeBack(ipv4!), true);
    assert.equal(rig.loans.takeBack(ipv4!), false);
    assert.deepEqual([...rig.held().keys()], ['10.0.0.6', ipv6]);
    assert.equal(rig.loans.takeBack('tool'), true);
    assert.equal(rig.held().size, 0);
  });

  it('expire, also where the agent was not there meanwhile, or was started anew in the middle', async () => {
    rig = new Rig({ expireAfter: 30 });
    const first = await rig.loans.lend('tool', [4, 6], true);
    await rig.expired(first.ipv4!);
    assert.equal(rig.held().size, 0, 'both families');
    const now = Date.now();
    rig.start([], { now: () => now });
    const [second, kept] = [await rig.loans.lend('tool', [4], true), await rig.loans.lend('tool', [4], false)];
    rig.start([], { now: () => now + 9 * 60_000 });
    assert.ok(rig.held().has(second.ipv4!), 'it has a minute left');
    rig.start([], { now: () => now + 10 * 60_000 - 20 });
    await rig.expired(second.ipv4!);
    assert.deepEqual([...rig.held().keys()], [kept.ipv4]);
    const third = await rig.loans.lend('tool', [4], true);
    rig.start([], { now: () => now + 3 * 3_600_000 });
    await rig.expired(third.ipv4!);
  });

  it('become an endpoint’s by their expiration, and then stay', async () => {
    rig = new Rig({ expireAfter: 60 });
    const { ipv4, ipv6, expirationId } = await rig.loans.lend('tool', [4, 6], true);
    const redeem = (address: string, id?: string) => rig.loans.redeem(address, 'c1/lxc1', 'shop/web', id);
    assert.throws(() => redeem(ipv4!, 'ad1b2c30-0000-4000-8000-000000000001'), { code: 'IPAM_EXPIRED' });
    redeem(ipv4!, expirationId);
    assert.throws(() => redeem(ipv4!, expirationId), { code: 'IPAM_EXPIRED' });
    await rig.expired(ipv6!);
    assert.deepEqual([...rig.held()], [[ipv4, 'shop/web']]);
    assert.throws(() => rig.loans.takeBack(ipv4!), { code: 'IPAM_IN_USE' });
    assert.throws(() => redeem(ipv6!, expirationId), { code: 'IPAM_EXPIRED' });
    redeem('fd00::3');
    assert.throws(() => rig.loans.redeem('fd00::3', 'c2/lxc2', 'shop/other'), { code: 'IPAM_IN_USE' });
    assert.throws(() => redeem('10.1.0.1'), { code: 'IPAM_OUT_OF_RANGE' });
    rig.start(['c1/lxc1']);
    assert.deepEqual([...rig.held().keys()], [ipv4, 'fd00::3']);
  });

  it('are lent again, with what is left of their time, where the endpoint is not made after all', async () => {
    const now = Date.now();
    rig = new Rig({ now: () => now });
    const { ipv4, ipv6, expirationId } = await rig.loans.lend('tool', [4, 6], true);
    const before = rig.ipam.dump().allocations;
    const redeem = (address: string, id?: string) => rig.loans.redeem(address, 'c1/lxc1', 'shop/web', id);
    const undo = [redeem(ipv4!, expirationId), redeem(ipv6!, expirationId), redeem('10.0.0.6')];
    for (const one of undo.reverse()) one();
    assert.deepEqual(rig.ipam.dump().allocations, before);
    redeem(ipv4!, expirationId)();
    rig.start([], { now: () => now + 10 * 60_000 - 20 });
    redeem(ipv4!, expirationId)();
    redeem(ipv6!, expirationId)();
    await rig.expired(ipv4!);
    assert.equal(rig.held().size, 0);
  });

  it('are never anybody else’s: whatever is asked for, in any order, over any number of lives of the agent', async function () {
    this.timeout(60_000);
    const address = fc.constantFrom(...[1, 2, 3, 4, 5, 6].map((last) => `10.0.0.${last}`));
    const endpoint = fc.constantFrom('c1/lxc1', 'c2/lxc2');
    const step = fc.oneof(
      fc.record({ do: fc.constant('lend' as const), expiring: fc.boolean() }),
      fc.record({ do: fc.constant('lendThis' as const), address }),
      fc.record({ do: fc.constant('takeBack' as const), address }),
      fc.record({ do: fc.constant('redeem' as const), address, endpoint, isKnown: fc.boolean() }),
      fc.record({ do: fc.constant('remove' as const), endpoint }),
      fc.record({ do: fc.constant('restart' as const) }),
    );
    const isRefusal = (error: unknown) => {
      if (!(error instanceof Fault)) throw error;
      return error.code;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const one = new Rig();
        // address -> who has it: an endpoint, or a loan with its expiration
        const model = new Map<string, { endpoint?: string; expirationId?: string | undefined }>();
        try {
          for (const each of steps) {
            const holder = 'address' in each ? model.get(each.address) : undefined;
            const isLent = holder !== undefined && holder.endpoint === undefined;
            if (each.do === 'lend') {
              const loan = await one.loans.lend('tool', [4], each.expiring).catch(isRefusal);
              if (typeof loan === 'string') assert.equal(model.size, 6);
              else {
                assert.equal(model.has(loan.ipv4!), false, `${loan.ipv4} is lent twice`);
                model.set(loan.ipv4!, { expirationId: loan.expirationId });
              }
            } else if (each.do === 'lendThis') {
              const attempt = () => one.loans.lendThis(each.address, 'tool');
              if (holder !== undefined) assert.throws(attempt, { code: 'IPAM_IN_USE' });
              else {
                attempt();
                model.set(each.address, {});
              }
            } else if (each.do === 'takeBack') {
              const attempt = () => one.loans.takeBack(each.address);
              if (holder !== undefined && !isLent) assert.throws(attempt, { code: 'IPAM_IN_USE' });
              else assert.equal(attempt(), model.delete(each.address));
            } else if (each.do === 'redeem') {
              const id = each.isKnown ? holder?.expirationId : undefined;
              const attempt = () => one.loans.redeem(each.address, each.endpoint, 'pod', id);
              if (holder !== undefined && !isLent && holder.endpoint !== each.endpoint)
                assert.throws(attempt, { code: 'IPAM_IN_USE' });
              else {
                attempt();
                model.set(each.address, { endpoint: each.endpoint });
              }
            } else if (each.do === 'remove') {
              one.ipam.release(each.endpoint);
              for (const [held, of] of model) if (of.endpoint === each.endpoint) model.delete(held);
            } else one.start([...model.values()].flatMap((of) => of.endpoint ?? []));
            assert.deepEqual([...one.held().keys()].sort(), [...model.keys()].sort());
          }
        } finally {
          one.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
