import { Abi, type Config, ConfigFlag } from '../../gen/abi.ts';
import type { RuntimeConfig } from '../rest/index.ts';
import { addressValue } from './encode.ts';
import type { DatapathOptions } from './options.ts';

const second = 1_000_000_000n;

/** SYN, FIN and RST: how a connection begins and ends. */
const firstFlags = 0x07;

/** What flags say of what can be changed later. */
export function initialConfig({ enforcement, audit, events }: DatapathOptions): RuntimeConfig {
  return {
    policyEnforcement: enforcement,
    audit,
    traceEvents: events.traces !== 'never',
    verdictEvents: events.verdicts,
    aggregationInterval: events.interval,
    aggregationFlags: firstFlags,
  };
}

/** This node's end of tunnels. */
export interface TunnelEnd {
  /** ifindex of the device; 0: there is none. */
  readonly link: number;
  /** What outer headers say that it comes from, and by which interface it leaves then; undefined: the device asks the routes. */
  readonly source: { readonly ipv4: string; readonly link: number } | undefined;
}

/** The entry of the map `config`. */
export function configValue(
  options: Pick<DatapathOptions, 'routing' | 'tunnelPort' | 'hostFirewall' | 'fastPath'>,
  runtime: RuntimeConfig,
  tunnel: TunnelEnd,
): Config {
  const { routing, hostFirewall, fastPath } = options;
  const flags =
    (runtime.audit ? ConfigFlag.audit : 0) |
    (routing === 'vxlan' ? ConfigFlag.tunnel : 0) |
    (hostFirewall ? ConfigFlag.hostFirewall : 0) |
    // There is nobody else yet who translates Services.
    ConfigFlag.stackServices |
    (fastPath ? ConfigFlag.fastLocal | ConfigFlag.fastRouted | ConfigFlag.fastTunnel : 0) |
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
    tunnelIfindex: tunnel.link,
    // ::ffff:a.b.c.d, or nothing but zeros.
    tunnelSource4: addressValue(tunnel.source?.ipv4).bytes.slice(12),
    tunnelUplink: tunnel.source?.link ?? 0,
    // Less than a change needs to get here from the API server.
    wayLifetime: 10_000_000,
    wakeupBytes: 262144,
    tunnelPort: options.tunnelPort,
    traceTcpFlags: runtime.aggregationFlags,
  };
}
