import { Abi, type Config, ConfigFlag } from '../../gen/abi.ts';
import type { RuntimeConfig } from '../rest/index.ts';
import type { DatapathOptions } from './options.ts';

const second = 1_000_000_000n;

/** SYN, FIN and RST: how a connection begins and ends. */
const firstFlags = 0x07;

/** What flags say of what can be changed later. */
export function initialConfig({ enforcement, audit, events }: DatapathOptions): RuntimeConfig {
  return {
    policyEnforcement: enforcement,
    audit,
    traceEvents: events.traces,
    verdictEvents: events.verdicts,
    aggregationInterval: events.interval,
    aggregationFlags: firstFlags,
  };
}

/** The entry of the map `config`. */
export function configValue(
  options: Pick<DatapathOptions, 'routing' | 'tunnelPort' | 'hostFirewall' | 'fastPath'>,
  runtime: RuntimeConfig,
  tunnelIfindex: number,
): Config {
  const { routing, hostFirewall, fastPath } = options;
  const flags =
    (runtime.audit ? ConfigFlag.audit : 0) |
    (routing === 'vxlan' ? ConfigFlag.tunnel : 0) |
    (hostFirewall ? ConfigFlag.hostFirewall : 0) |
    // There is nobody else yet who translates Services.
    ConfigFlag.stackServices |
    (fastPath ? ConfigFlag.fastLocal | ConfigFlag.fastRouted : 0) |
    (runtime.verdictEvents ? ConfigFlag.verdictEvents : 0) |
    (runtime.traceEvents ? ConfigFlag.traceEvents : 0);
  return {
    version: Abi.abiVersion,
    flags,
    traceInterval: BigInt(runtime.aggregationInterval) * 1_000_000n,
    // Established connections outlive Linux' keep-alive (two hours, and eleven minutes of probes), even where some are lost.
    tcpOpeningLifetime: 60n * second,
    tcpEstablishedLifetime: 6n * 3600n * second,
    tcpClosingLifetime: 10n * second,
    otherLifetime: 60n * second,
    icmpLifetime: 30n * second,
    tunnelIfindex,
    // Less than a change needs to get here from the API server.
    wayLifetime: 10_000_000,
    wakeupBytes: 262144,
    tunnelPort: options.tunnelPort,
    traceTcpFlags: runtime.aggregationFlags,
  };
}
