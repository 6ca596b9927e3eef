import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** Parsers for option values: each says what would be right. */
export function port(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > 65_535)
    throw new InvalidArgumentError('a port is a number from 1 to 65535.');
  return number;
}

export function address(value: string): string {
  if (isIP(value) === 0) throw new InvalidArgumentError('an IPv4 or IPv6 address is needed, such as 127.0.0.1.');
  return value;
}

/** What an option for an address has: `off` is a word of its own, as commander makes nothing of undefined but an empty string. */
export type AddressOrOff = { readonly address: string; readonly port: number } | 'off';

/** As an option of its own: absent where nothing is to listen, or nobody to be asked. */
export function unlessOff<Name extends string>(
  name: Name,
  value: AddressOrOff | undefined,
): Partial<Record<Name, Exclude<AddressOrOff, 'off'>>> {
  return value === undefined || value === 'off'
    ? {}
    : ({ [name]: value } as Partial<Record<Name, Exclude<AddressOrOff, 'off'>>>);
}

/** `address:port`, `[v6]:port`; `off` for none. */
export function addressAndPort(value: string): AddressOrOff {
  if (value === 'off') return value;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined || isIP(host) === 0) {
    throw new InvalidArgumentError('address:port is needed, such as 127.0.0.1:9964, or off.');
  }
  return { address: host, port: port(match[3] as string) };
}

/** `namespace/name` of an object. */
export function namespacedName(value: string): { readonly namespace: string; readonly name: string } {
  const [, namespace, name] = /^([^/\s]+)\/([^/\s]+)$/.exec(value) ?? [];
  if (namespace === undefined || name === undefined)
    throw new InvalidArgumentError('namespace/name is needed, such as kube-system/sluice-cleanup.');
  return { namespace, name };
}

export function percentage(value: string): number {
  const number = Number(value);
  if (value === '' || !(number >= 0 && number <= 100))
    throw new InvalidArgumentError('a percentage is a number from 0 to 100.');
  return number;
}

export function count(value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new InvalidArgumentError('a number from 1 to 9999 is needed.');
  return Number(value);
}

/** `500ms`, `10s`, `2m` to ms. */
export function duration(value: string): number {
  const match = /^(\d+)(ms|s|m)$/.exec(value);
  if (match === null) throw new InvalidArgumentError('a duration such as 500ms, 10s or 2m is needed.');
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[match[2] as 'ms' | 's' | 'm'];
}
