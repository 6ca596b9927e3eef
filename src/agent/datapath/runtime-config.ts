import { Abi, type Config, ConfigFlag } from '../../gen/abi.ts';
import type { DatapathOptions } from './options.ts';

const second = 1_000_000_000n;

/** What can be changed while programs run. */
export interface RuntimeSwitches {
  readonly audit: boolean;
  readonly verdictEvents: boolean;
  readonly traceEvents: boolean;
  /** ms */
  readonly interval: number;
  /** Bits as in the TCP header. */
  readonly flags: number;
}

/** SYN, FIN and RST: how a connection begins and ends. */
export const defaultTcpFlags = 0x07;

/** The entry of the map `config`. */
export function configValue(
  options: Pick<DatapathOptions, 'routing' | 'tunnelPort' | 'hostFirewall' | 'fastPath'>,
  switches: RuntimeSwitches,
  tunnelIfindex: number,
): Config {
  const { routing, hostFirewall, fastPath } = options;
  const flags =
    (switches.audit ? ConfigFlag.audit : 0) |
    (routing === 'vxlan' ? ConfigFlag.tunnel : 0) |
    (hostFirewall ? ConfigFlag.hostFirewall : 0) |
    (fastPath ? ConfigFlag.fastLocal | ConfigFlag.fastRouted : 0) |
    (switches.verdictEvents ? ConfigFlag.verdictEvents : 0) |
    (switches.traceEvents ? ConfigFlag.traceEvents : 0);
  return {
    version: Abi.abiVersion,
    flags,
    traceInterval: BigInt(switches.interval) * 1_000_000n,
    // Established connections outlive Linux' keep-alive (two hours, and eleven minutes of probes), even where some are lost.
    tcpOpeningLifetime: 60n * second,
    tcpEstablishedLifetime: 6n * 3600n * second,
    tcpClosingLifetime: 10n * second,
    otherLifetime: 60n * second,
    icmpLifetime: 30n * second,
    tunnelIfindex,
    wakeupBytes: 65536,
    tunnelPort: options.tunnelPort,
    traceTcpFlags: switches.flags,
  };
}
