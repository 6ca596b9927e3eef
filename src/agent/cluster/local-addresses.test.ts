import assert from 'node:assert/strict';
import type { AddressReport, NodeAddresses } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import { createLog } from '../../lib/log.ts';
import { LocalAddresses, type LocalAddressesOptions } from './local-addresses.ts';

/** A kernel that has what it was told to have. */
function kernel(present: string[] = []) {
  const state = { present, calls: 0, broken: undefined as Fault | undefined };
  const addresses: Pick<NodeAddresses, 'reconcile' | 'close'> = {
    reconcile(wanted, keep = () => false): AddressReport {
      state.calls++;
      if (state.broken !== undefined) throw state.broken;
      const needed = [...wanted];
      const added = needed.filter((address) => !state.present.includes(address));
      const removed = state.present.filter((address) => !needed.includes(address) && !keep(address));
      state.present = [...state.present, ...added].filter((address) => !removed.includes(address)).sort();
      return { present: state.present, added, removed, foreign: [], faults: [] };
    },
    close() {},
  };
  return { state, addresses: addresses as NodeAddresses };
}

function rig(options: Partial<LocalAddressesOptions> = {}, present: string[] = []) {
  const { state, addresses } = kernel(present);
  const world = { wanted: [] as string[], busy: new Set<string>(), now: 0, faults: [] as (readonly Fault[])[] };
  const local = new LocalAddresses({
    addresses,
    wanted: () => world.wanted,
    connections: () => (address) => world.busy.has(address),
    acked: async () => {},
    log: createLog({ level: 'silent', format: 'json' }),
    drainTime: 1000,
    onFaults: (faults) => world.faults.push(faults),
    now: () => world.now,
    ...options,
  });
  const look = async (wanted: string[]) => {
    world.wanted = wanted;
    local.changed();
    await local.settled();
    return state.present;
  };
  return { local, state, world, look };
}

describe('addresses of this node', () => {
  it('come when Envoy has answered, and many changes are one', async () => {
    const gate = Promise.withResolvers<void>();
    const { local, state, world } = rig({ acked: () => gate.promise });
    world.wanted = ['10.0.0.1'];
    for (let i = 0; i < 10; i++) local.changed();
    assert.equal(state.calls, 0);
    world.wanted = ['10.0.0.2'];
    gate.resolve();
    await local.settled();
    assert.deepEqual(state.present, ['10.0.0.2']);
    assert.equal(state.calls, 1);
    await local.close();
  });

  it('go at once when they are idle, else with the last connection, or when their time is over', async () => {
    const { local, world, look } = rig();
    await look(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    world.busy = new Set(['10.0.0.2', '10.0.0.3']);
    assert.deepEqual(await look([]), ['10.0.0.2', '10.0.0.3']);
    assert.deepEqual(local.state().draining, ['10.0.0.2', '10.0.0.3']);
    assert.deepEqual(local.state().present, []);
    world.busy.delete('10.0.0.2');
    assert.deepEqual(await look([]), ['10.0.0.3']);
    world.now = 999;
    assert.deepEqual(await look([]), ['10.0.0.3']);
    world.now = 1000;
    assert.deepEqual(await look([]), []);
    await local.close();
  });

  it('stay when they are wanted again, and then have all of their time once more', async () => {
    const { local, world, look } = rig();
    await look(['10.0.0.1']);
    world.busy.add('10.0.0.1');
    await look([]);
    world.now = 900;
    await look(['10.0.0.1']);
    assert.deepEqual(local.state().draining, []);
    await look([]);
    world.now = 1800;
    assert.deepEqual(await look([]), ['10.0.0.1']);
    await local.close();
  });

  it('do not keep the process from ending when Envoy does not answer', async () => {
    const { local, state, world } = rig({ acked: () => new Promise(() => {}) });
    world.wanted = ['10.0.0.1'];
    local.changed();
    await local.close();
    assert.equal(state.calls, 0);
  });

  it('of a process before this one drain too, and all stay when this one ends', async () => {
    const { local, state, world, look } = rig({}, ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    world.busy.add('10.0.0.1');
    assert.deepEqual(await look(['10.0.0.3']), ['10.0.0.1', '10.0.0.3']);
    await local.close();
    local.changed();
    assert.deepEqual(state.present, ['10.0.0.1', '10.0.0.3']);
  });

  it('that cannot be had are a fault, told once and taken back', async () => {
    const { local, state, world, look } = rig();
    state.broken = new Fault('NETLINK_EPERM', 'no', { hint: 'NET_ADMIN' });
    await look(['10.0.0.1']);
    await look(['10.0.0.1']);
    assert.deepEqual(local.state().faults, [{ code: 'NETLINK_EPERM', message: 'no', hint: 'NET_ADMIN' }]);
    state.broken = undefined;
    await look(['10.0.0.1']);
    assert.deepEqual(
      world.faults.map((faults) => faults.length),
      [1, 0],
    );
    await local.close();
  });

  it('are a fault only where some are wanted, if this node has no way to have any', async () => {
    const { local, world, look } = rig({ addresses: new Fault('KERNEL_CALLS', 'no libc') });
    await look([]);
    assert.equal(world.faults.length, 0);
    await look(['10.0.0.1']);
    assert.equal(local.state().faults[0]?.code, 'KERNEL_CALLS');
    assert.equal(world.faults.length, 1);
    await local.close();
  });
});
