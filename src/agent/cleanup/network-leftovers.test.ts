import assert from 'node:assert/strict';
import { type NetlinkSocket, NodeAddresses } from '../../datapath/index.ts';
import { addressFlag, encodeAddress, type InterfaceAddress, scope } from '../../datapath/netlink/address.ts';
import { addresses, doubts } from './network-leftovers.ts';

const flags = addressFlag.noPrefixRoute | addressFlag.noDad;
const ours: InterfaceAddress[] = [
  { address: '10.90.200.1', prefixLength: 32, link: 1, scope: scope.link, flags, label: 'lo:sluice', protocol: 83 },
  { address: 'fd00::1', prefixLength: 128, link: 1, scope: scope.universe, flags, protocol: 83 },
];
const others: InterfaceAddress[] = [
  { address: '127.0.0.1', prefixLength: 8, link: 1, scope: scope.host, flags: 0, label: 'lo', protocol: 0 },
  { address: '::1', prefixLength: 128, link: 1, scope: scope.host, flags: 0, protocol: 1 },
  // Somebody else's, by `ip address add`; and on another device.
  { address: 'fd00::7', prefixLength: 128, link: 1, scope: scope.universe, flags: 0, protocol: 0 },
  { address: 'fd00::8', prefixLength: 128, link: 2, scope: scope.universe, flags, protocol: 0 },
  { address: 'fd00::9', prefixLength: 64, link: 1, scope: scope.universe, flags, protocol: 0 },
];

/** A node that has these. */
function node(all: readonly InterfaceAddress[]): NodeAddresses {
  const socket = { dump: () => all.map(encodeAddress), close: () => {} };
  return new NodeAddresses(socket as unknown as NetlinkSocket);
}
const found = (own: NodeAddresses) => addresses(own).map(({ name }) => name);

describe('addresses of load balancers that were left', () => {
  it('are found by their marks', () => {
    const own = node([...others, ...ours]);
    assert.deepEqual([found(own), doubts(own)], [['10.90.200.1 on lo', 'fd00::1 on lo'], []]);
  });

  it('are named, and left, where the kernel keeps no marks', () => {
    const unmarked = [...others, ...ours].map((one) => ({ ...one, protocol: 0 }));
    const own = node(unmarked);
    assert.deepEqual(found(own), ['10.90.200.1 on lo']);
    assert.equal(doubts(own).length, 1);
    assert.match(doubts(own)[0]!, /^fd00::1 on lo may be .*`ip -6 address del fd00::1\/128 dev lo`/);
  });

  it('are not doubted where it keeps them: what is alike is somebody else’s', () => {
    const alike = { ...ours[1]!, protocol: 0 };
    assert.deepEqual(doubts(node([...others, alike])), []);
  });
});
