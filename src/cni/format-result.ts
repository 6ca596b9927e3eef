import type { CniResult } from './result.ts';
import { atLeast, type CniVersion } from './version.ts';

/** The result as the version of the configuration has it: older runtimes refuse some of what newer ones want. */
export function formatResult(result: CniResult, cniVersion: CniVersion): object {
  const { dns = {}, ...rest } = result;
  if (atLeast(cniVersion, '1.1.0')) return { cniVersion, ...rest, dns };
  return {
    cniVersion,
    ...rest,
    interfaces: result.interfaces.map(({ mtu: _, ...one }) => one),
    ips: result.ips.map((one) =>
      atLeast(cniVersion, '1.0.0') ? one : { version: one.address.includes(':') ? '6' : '4', ...one },
    ),
    routes: result.routes.map(({ mtu: _, ...one }) => one),
    dns,
  };
}
