import { isIP } from 'node:net';
import { parseCidr } from '../lib/ip-address.ts';
import { isObject } from '../lib/is-object.ts';
import { CniError, cniCode } from './cni-error.ts';
import type { CniResult } from './result.ts';

/**
 * A `prevResult`, of any version that has interfaces. What we don't read is kept as it is, for the plugins that follow.
 * @throws CniError `badConfig`
 */
export function parseResult(value: unknown): CniResult {
  if (!isObject(value)) throw bad('', value, 'an object');
  const { cniVersion: _, interfaces, ips, routes, ...rest } = value;
  const count = list('interfaces', interfaces).length;
  return {
    ...rest,
    interfaces: list('interfaces', interfaces).map((one, i) => {
      const at = `.interfaces[${i}]`;
      text(`${at}.name`, one.name);
      for (const key of ['mac', 'sandbox']) if (one[key] !== undefined) text(`${at}.${key}`, one[key]);
      return one;
    }),
    ips: list('ips', ips).map((one, i) => {
      const { version: __, ...ip } = one;
      const at = `.ips[${i}]`;
      if (typeof ip.address !== 'string' || parseCidr(ip.address) === undefined)
        throw bad(`${at}.address`, ip.address, 'an address with its prefix length');
      if (ip.gateway !== undefined && isIP(String(ip.gateway)) === 0)
        throw bad(`${at}.gateway`, ip.gateway, 'an address');
      const index = ip.interface;
      if (index !== undefined && !(Number.isInteger(index) && (index as number) >= 0 && (index as number) < count))
        throw bad(`${at}.interface`, index, 'the index of an interface');
      return ip;
    }),
    routes: list('routes', routes).map((one, i) => {
      if (typeof one.dst !== 'string' || parseCidr(one.dst) === undefined)
        throw bad(`.routes[${i}].dst`, one.dst, 'a prefix');
      return one;
    }),
  } as unknown as CniResult;
}

function list(key: string, value: unknown): Record<string, unknown>[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isObject)) throw bad(`.${key}`, value, 'a list of objects');
  return value;
}

function text(path: string, value: unknown): void {
  if (typeof value !== 'string') throw bad(path, value, 'text');
}

function bad(path: string, value: unknown, wanted: string): CniError {
  const is = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`;
  return new CniError(cniCode.badConfig, `prevResult${path} ${is}; it must be ${wanted}`);
}
