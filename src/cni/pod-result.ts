import { bitsOf } from '../lib/ip-address.ts';
import { everything, type PodInterface, podGateway } from './pod-interface.ts';
import type { CniResult } from './result.ts';

/** What ADD answers for an interface that we made. */
export function podResult(made: PodInterface, netns: string): CniResult {
  const families = made.addresses.map((address) => (address.includes(':') ? 6 : 4));
  return {
    interfaces: [
      { name: made.hostInterface, mac: made.hostMac, mtu: made.mtu },
      { name: made.ifname, mac: made.podMac, mtu: made.mtu, sandbox: netns },
    ],
    ips: made.addresses.map((address, i) => {
      const family = families[i] as 4 | 6;
      return { address: `${address}/${bitsOf(family)}`, gateway: podGateway[family], interface: 1 };
    }),
    routes: families.map((family) => ({ dst: everything[family], gw: podGateway[family] })),
  };
}
