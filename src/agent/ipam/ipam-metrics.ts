import type { Meter } from '@opentelemetry/api';
import type { Ipam } from '../../network/ipam/index.ts';

/** How many addresses there are, and in which state Pod CIDRs are. */
export function observeIpam(meter: Meter, ipam: Pick<Ipam, 'dump'>): void {
  const addresses = meter.createObservableGauge('sluice.ipam.addresses', {
    description: "Addresses of this node's Pod CIDRs, used and free, by family",
  });
  const podCidrs = meter.createObservableGauge('sluice.ipam.pod_cidrs', {
    description: 'Pod CIDRs of this node, by family and status',
  });
  meter.addBatchObservableCallback(
    (result) => {
      const dump = ipam.dump();
      for (const number of dump.families) {
        const family = `ipv${number}`;
        const own = dump.podCidrs.filter((cidr) => cidr.family === number);
        const used = dump.allocations.filter((address) => address.family === number).length;
        // Of a /64 it is not exact, and nobody minds. What is to be given back, or was taken, has nothing to give.
        const free = own.filter(({ isOpen }) => isOpen).reduce((sum, cidr) => sum + Number(cidr.total - cidr.used), 0);
        result.observe(addresses, used, { family, state: 'used' });
        result.observe(addresses, free, { family, state: 'free' });
        for (const status of ['in-use', 'depleted', 'released'] as const)
          result.observe(podCidrs, own.filter((cidr) => cidr.status === status).length, { family, status });
      }
    },
    [addresses, podCidrs],
  );
}
