import { mendNodeSides } from '../../cni/index.ts';
import type { DatapathParts } from './datapath-parts.ts';
import type { DeviceFollower } from './device-follower.ts';
import type { Check } from './upkeep.ts';

/**
 * What of the datapath is looked after, in this order: maps before programs that read them, devices before routes over them. What
 * is in a pod's own namespace is not ours to mend once it was made: CNI's CHECK says it.
 */
export function kernelChecks(parts: DatapathParts, devices: DeviceFollower): readonly Check[] {
  const { state, settings, attached, manager, network, netlink, peers } = parts;
  return [
    { what: 'maps', run: () => state.check() },
    { what: 'config', run: () => settings.check() },
    { what: 'tunnel', run: () => devices.look({ thorough: true }) },
    { what: 'programs', run: () => attached.mend(network.devices, network.tunnel?.link, manager.values()) },
    {
      what: 'interfaces',
      run: () => {
        const own = [...manager.values()].filter(({ endpoint }) => !endpoint.chained);
        return mendNodeSides(
          netlink,
          own.map(({ made }) => made),
        );
      },
    },
    { what: 'routes', run: () => peers.updateRoutes() },
  ];
}
