import assert from 'node:assert/strict';
import type { Fault } from '../../lib/fault.ts';
import { type IpFamily, parseCidr } from '../../lib/ip-address.ts';
import { type IpamMode, NodeAddresses, podCidrOf, unreachableRoutes } from './index.ts';

function node(mode: IpamMode, podCidrs: readonly string[], families: readonly IpFamily[] = [4, 6]): NodeAddresses {
  const addresses = new NodeAddresses({ mode, families });
  addresses.setPodCidrs({ podCidrs });
  return addresses;
}

function allocate(addresses: NodeAddresses, owner: string, families: readonly IpFamily[] = [4]): string[] {
  const { entries, missing } = addresses.planAllocate(owner, families);
  if (missing !== undefined) return [`none of IPv${missing}`];
  for (const entry of entries) addresses.apply(entry);
  return entries.map((entry) => (entry.op === 'take' ? entry.address : ''));
}

function release(addresses: NodeAddresses, owner: string): void {
  for (const entry of addresses.planRelease(owner)) addresses.apply(entry);
}

function giveBack(addresses: NodeAddresses): string[] {
  const entries = addresses.planCidrReleases();
  for (const entry of entries) addresses.apply(entry);
  return entries.map((entry) => (entry.op === 'release' ? entry.cidr : ''));
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return (error as Fault).code;
  }
  return undefined;
}

describe('Pod CIDRs', () => {
  it('give out neither the network nor its broadcast address, nor the routers’ anycast address', () => {
    const usable = (text: string) => {
      const { first, last } = podCidrOf(text)!.usable;
      return [first - parseCidr(text)!.first, last - parseCidr(text)!.first];
    };
    assert.deepEqual(usable('10.0.0.0/24'), [1n, 254n]);
    assert.deepEqual(usable('10.0.0.4/30'), [1n, 2n]);
    assert.deepEqual(usable('10.0.0.4/31'), [0n, 1n]);
    assert.deepEqual(usable('10.0.0.4/32'), [0n, 0n]);
    assert.deepEqual(usable('fd00::/120'), [1n, 255n]);
    assert.deepEqual(usable('fd00::/127'), [0n, 1n]);
  });

  it('are known by one form, and are no CIDR else', () => {
    assert.equal(podCidrOf('10.0.1.77/24')?.text, '10.0.1.0/24');
    assert.equal(podCidrOf('FD00:0::1/64')?.text, 'fd00::/64');
    for (const wrong of ['', '10.0.0.0', '10.0.0.0/33', 'fd00::/129', 'x/24'])
      assert.equal(podCidrOf(wrong), undefined);
  });

  it('of the wrong family, or unreadable, are named and left out', () => {
    const addresses = new NodeAddresses({ mode: 'kubernetes', families: [4] });
    const { invalid } = addresses.setPodCidrs({ podCidrs: ['10.0.0.0/24', 'fd00::/64', 'nonsense'] });
    assert.deepEqual(invalid, ['fd00::/64', 'nonsense']);
    assert.deepEqual(allocate(addresses, 'a'), ['10.0.0.1']);
  });
});

describe('addresses', () => {
  it('are one of each family, the same for whoever asks again', () => {
    const addresses = node('kubernetes', ['10.0.0.0/24', 'fd00::/64']);
    assert.deepEqual(allocate(addresses, 'a', [4, 6]), ['10.0.0.1', 'fd00::1']);
    assert.deepEqual(allocate(addresses, 'a', [4, 6]), []);
    assert.deepEqual(addresses.allocationOf('a'), { owner: 'a', ipv4: '10.0.0.1', ipv6: 'fd00::1' });
  });

  it('of both families or none', () => {
    const addresses = node('kubernetes', ['10.0.0.0/24']);
    assert.deepEqual(allocate(addresses, 'a', [4, 6]), ['none of IPv6']);
    assert.equal(addresses.allocationOf('a'), undefined);
  });

  it('come back last that came free last', () => {
    const addresses = node('kubernetes', ['10.0.0.0/29']);
    assert.deepEqual(allocate(addresses, 'a'), ['10.0.0.1']);
    release(addresses, 'a');
    const order = ['b', 'c', 'd', 'e', 'f', 'g'].map((owner) => allocate(addresses, owner)[0]);
    assert.deepEqual(order, ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.1']);
    assert.deepEqual(allocate(addresses, 'h'), ['none of IPv4']);
  });

  it('come back last after a restart, too', () => {
    const addresses = node('kubernetes', ['10.0.0.0/29']);
    allocate(addresses, 'a');
    release(addresses, 'a');
    const again = new NodeAddresses({ mode: 'kubernetes', families: [4, 6] });
    for (const entry of addresses.entries()) again.apply(entry);
    again.setPodCidrs({ podCidrs: ['10.0.0.0/29'] });
    assert.deepEqual(allocate(again, 'b'), ['10.0.0.2']);
  });

  it('come from the next CIDR when one is full', () => {
    const addresses = node('kubernetes', ['10.0.0.0/32', '10.0.1.0/32']);
    assert.deepEqual(
      ['a', 'b'].flatMap((owner) => allocate(addresses, owner)),
      ['10.0.0.0', '10.0.1.0'],
    );
  });

  it('stay with whoever has them when their CIDR is taken away, and count when it comes back', () => {
    const addresses = node('kubernetes', ['10.0.0.0/31']);
    allocate(addresses, 'a');
    addresses.setPodCidrs({ podCidrs: ['10.0.9.0/31'] });
    assert.deepEqual(allocate(addresses, 'b'), ['10.0.9.0']);
    addresses.setPodCidrs({ podCidrs: ['10.0.0.0/31'] });
    assert.deepEqual(allocate(addresses, 'c'), ['10.0.0.1']);
    assert.deepEqual(allocate(addresses, 'd'), ['none of IPv4']);
  });

  it('are claimed only where they are the node’s to give, unless somebody lives there already', () => {
    const addresses = new NodeAddresses({ mode: 'kubernetes', families: [4], reserved: [parseCidr('10.0.0.7/32')!] });
    addresses.setPodCidrs({ podCidrs: ['10.0.0.0/28'] });
    for (const entry of addresses.planClaim('10.0.0.5', 'a')) addresses.apply(entry);
    assert.deepEqual(addresses.planClaim('10.0.0.5', 'a'), []);
    assert.equal(
      codeOf(() => addresses.planClaim('10.0.0.5', 'b')),
      'IPAM_IN_USE',
    );
    assert.equal(
      codeOf(() => addresses.planClaim('10.0.0.5', 'b', { restored: true })),
      'IPAM_IN_USE',
    );
    for (const outside of ['10.0.0.0', '10.0.0.7', '10.0.0.15', '192.0.2.1']) {
      assert.equal(
        codeOf(() => addresses.planClaim(outside, 'b')),
        'IPAM_OUT_OF_RANGE',
        outside,
      );
      assert.equal(addresses.planClaim(outside, 'b', { restored: true }).length, 1);
    }
    assert.equal(
      codeOf(() => addresses.planClaim('fd00::1', 'b')),
      'IPAM_FAMILY_DISABLED',
    );
    assert.equal(
      codeOf(() => addresses.planClaim('nonsense', 'b')),
      'IPAM_INVALID',
    );
    assert.equal(
      codeOf(() => addresses.planAllocate('b', [6])),
      'IPAM_FAMILY_DISABLED',
    );
  });

  it('of endpoints that did not come through a restart are free', () => {
    const addresses = node('kubernetes', ['10.0.0.0/24']);
    for (const owner of ['a', 'b', 'c']) allocate(addresses, owner);
    const entries = addresses.planRestored(['b']);
    assert.deepEqual(
      entries.map((entry) => (entry.op === 'drop' ? entry.address : '')),
      ['10.0.0.1', '10.0.0.3'],
    );
  });
});

describe('Pod CIDRs by demand (cluster-pool-v2beta)', () => {
  const statuses = (addresses: NodeAddresses) => Object.fromEntries(addresses.statuses());
  const fill = (addresses: NodeAddresses, from: number, to: number) => {
    for (let i = from; i < to; i++) assert.doesNotMatch(allocate(addresses, `p${i}`)[0] ?? '', /none/);
  };

  it('are depleted, all of them, when fewer addresses are left than the threshold', () => {
    const addresses = node('cluster-pool-v2beta', ['10.0.0.0/28', '10.0.0.16/28']);
    fill(addresses, 0, 14);
    assert.deepEqual(statuses(addresses), { '10.0.0.0/28': 'depleted', '10.0.0.16/28': 'in-use' });
    fill(addresses, 14, 20);
    assert.deepEqual(statuses(addresses), { '10.0.0.0/28': 'depleted', '10.0.0.16/28': 'in-use' });
    fill(addresses, 20, 21);
    assert.deepEqual(statuses(addresses), { '10.0.0.0/28': 'depleted', '10.0.0.16/28': 'depleted' });
  });

  it('count by family', () => {
    const addresses = node('cluster-pool-v2beta', ['10.0.0.0/29', 'fd00::/120']);
    assert.deepEqual(statuses(addresses), { '10.0.0.0/29': 'depleted', 'fd00::/120': 'in-use' });
  });

  it('are given back when what is left is enough: unused ones only, the newest first, and never the last', () => {
    const addresses = node('cluster-pool-v2beta', ['10.0.0.0/27', '10.0.0.32/27', '10.0.0.64/27']);
    for (const entry of addresses.planClaim('10.0.0.40', 'a')) addresses.apply(entry);
    assert.deepEqual(giveBack(addresses), ['10.0.0.64/27', '10.0.0.0/27']);
    assert.deepEqual(statuses(addresses), {
      '10.0.0.0/27': 'released',
      '10.0.0.32/27': 'in-use',
      '10.0.0.64/27': 'released',
    });
    assert.deepEqual(giveBack(addresses), []);
    assert.deepEqual(allocate(addresses, 'b'), ['10.0.0.33']);
    release(addresses, 'a');
    release(addresses, 'b');
    assert.deepEqual(giveBack(addresses), []);
  });

  it('are not given back to be asked for again a moment later', () => {
    const addresses = node('cluster-pool-v2beta', ['10.0.0.0/27', '10.0.0.32/27']);
    fill(addresses, 0, 20);
    assert.deepEqual(giveBack(addresses), []);
  });

  it('that were given back stay so for a process with an old list, until the operator has taken them', () => {
    const addresses = node('cluster-pool-v2beta', ['10.0.0.0/27', '10.0.0.32/27']);
    assert.deepEqual(giveBack(addresses), ['10.0.0.32/27']);
    const again = new NodeAddresses({ mode: 'cluster-pool-v2beta', families: [4] });
    for (const entry of addresses.entries()) again.apply(entry);
    again.setPodCidrs({ podCidrs: ['10.0.0.0/27', '10.0.0.32/27'] });
    assert.equal(again.statuses().get('10.0.0.32/27'), 'released');
    const { entries } = again.setPodCidrs({ podCidrs: ['10.0.0.0/27'] });
    for (const entry of entries) again.apply(entry);
    again.setPodCidrs({ podCidrs: ['10.0.0.0/27', '10.0.0.32/27'] });
    assert.equal(again.statuses().get('10.0.0.32/27'), 'in-use');
  });

  it('that were taken away in use are reported until they are empty, also by the next process', () => {
    const addresses = new NodeAddresses({ mode: 'cluster-pool-v2beta', families: [4] });
    for (const entry of addresses.planClaim('10.0.0.40', 'a', { restored: true })) addresses.apply(entry);
    addresses.setPodCidrs({
      podCidrs: ['10.0.0.0/27'],
      statuses: { '10.0.0.32/27': 'in-use', '10.0.0.64/27': 'in-use' },
    });
    assert.deepEqual(statuses(addresses), { '10.0.0.0/27': 'in-use', '10.0.0.32/27': 'in-use' });
    release(addresses, 'a');
    assert.deepEqual(statuses(addresses), { '10.0.0.0/27': 'in-use' });
  });

  it('that were taken away stay known while their last address goes from one owner to another', () => {
    const addresses = node('cluster-pool-v2beta', ['10.0.0.0/27', '10.0.0.32/27'], [4]);
    for (const entry of addresses.planClaim('10.0.0.40', 'api/1')) addresses.apply(entry);
    addresses.setPodCidrs({ podCidrs: ['10.0.0.0/27'] });
    for (const entry of addresses.planHandOver('10.0.0.40', 'a')) addresses.apply(entry);
    assert.deepEqual(statuses(addresses), { '10.0.0.0/27': 'in-use', '10.0.0.32/27': 'in-use' });
    release(addresses, 'a');
    assert.deepEqual(statuses(addresses), { '10.0.0.0/27': 'in-use' });
  });

  it('have thresholds of the node’s own', () => {
    const addresses = new NodeAddresses({ mode: 'cluster-pool-v2beta', families: [4] });
    const podCidrs = ['10.0.0.0/28', '10.0.0.16/28'];
    addresses.setPodCidrs({ podCidrs, thresholds: { allocation: 29 } });
    assert.equal(addresses.statuses().get('10.0.0.0/28'), 'depleted');
    addresses.setPodCidrs({ podCidrs, thresholds: { release: 14 } });
    assert.deepEqual(giveBack(addresses), ['10.0.0.16/28']);
  });
});

describe('unreachable routes', () => {
  it('stand for every Pod CIDR of which the node gives something out', () => {
    const addresses = node('cluster-pool-v2beta', ['10.0.0.0/27', '10.0.0.32/27', 'fd00::/120']);
    const prefixes = () => unreachableRoutes(addresses).map(({ prefix }) => prefix);
    assert.deepEqual(prefixes(), ['10.0.0.0/27', '10.0.0.32/27', 'fd00::/120']);
    giveBack(addresses);
    assert.deepEqual(prefixes(), ['10.0.0.0/27', 'fd00::/120']);
  });
});
