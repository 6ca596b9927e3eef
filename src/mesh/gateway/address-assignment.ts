import { isIP } from 'node:net';
import type { Gateway, GatewayAddress } from '../../api/index.ts';
import { compareAge } from '../../api/index.ts';
import type { MeshOptions } from '../model/index.ts';
import type { Problem } from './conditions.ts';

/** What a Gateway wants to listen on. Ports are `tcp/80` and so on. */
export interface Claim {
  /** The Gateway, without what has no bearing on addresses. */
  readonly gateway: Pick<Gateway, 'metadata'>;
  readonly requested: readonly GatewayAddress[];
  /** Of the Gateway's own listeners: these decide whether an address will do. */
  readonly ports: readonly string[];
  /** Of its ListenerSets: where one is taken, just that listener goes without (a set must not move its Gateway). */
  readonly setPorts: readonly string[];
  /** Addresses that a load balancer gave it: it can have no others. Absent: addresses come from the options. */
  readonly given?: readonly string[];
}

export interface Assignment {
  /** IP literals, in the order asked for. */
  readonly addresses: readonly string[];
  /** Condition Accepted: a type of address that we don't do. */
  readonly unsupported?: Problem;
  /** Addresses that were asked for and could not be had. */
  readonly refused: readonly Problem[];
  /** Ports of ListenerSets that are taken on the Gateway's addresses. */
  readonly takenPorts: readonly string[];
}

/**
 * Gives every Gateway its addresses: older Gateways first, and an address is whose the ports on it are. Pure: the same
 * Gateways get the same addresses, in whatever order they came. `reserved` are sockets that are not ours to give.
 */
export function assignAddresses(
  claims: readonly Claim[],
  options: Pick<MeshOptions, 'address' | 'gatewayAddresses'>,
  reserved: readonly { readonly address: string; readonly port: string }[],
): Map<Claim, Assignment> {
  const sockets = new Sockets();
  for (const { address, port } of reserved) sockets.take(address, port);
  const sorted = [...claims].sort((a, b) => compareAge(a.gateway as Gateway, b.gateway as Gateway));
  const assigned = new Map<Claim, Assignment>();
  for (const claim of sorted) {
    const assignment = assignOne(claim, options, sockets);
    for (const address of assignment.addresses) for (const port of claim.ports) sockets.take(address, port);
    assigned.set(claim, assignment);
  }
  for (const claim of sorted) {
    const assignment = assigned.get(claim)!;
    const extra = claim.setPorts.filter((port) => !claim.ports.includes(port));
    const takenPorts = extra.filter((port) => !assignment.addresses.every((address) => sockets.isFree(address, port)));
    for (const address of assignment.addresses)
      for (const port of extra) if (!takenPorts.includes(port)) sockets.take(address, port);
    if (takenPorts.length > 0) assigned.set(claim, { ...assignment, takenPorts });
  }
  return assigned;
}

function assignOne(
  { requested, ports, given }: Claim,
  options: Pick<MeshOptions, 'address' | 'gatewayAddresses'>,
  sockets: Sockets,
): Assignment {
  const wanted = requested.length === 0 ? [{ type: 'IPAddress' }] : requested;
  const unsupportedAt = wanted.findIndex(({ type }) => type !== 'IPAddress');
  if (unsupportedAt >= 0)
    return {
      addresses: [],
      refused: [],
      takenPorts: [],
      unsupported: {
        reason: 'UnsupportedAddress',
        message: `addresses of type ${wanted[unsupportedAt]!.type} are not supported`,
        hint: 'use type IPAddress',
        field: `spec.addresses[${unsupportedAt}].type`,
      },
    };
  const addresses: string[] = [];
  const refused: Problem[] = [];
  for (const [i, { value, routability }] of wanted.entries() as ArrayIterator<[number, GatewayAddress]>) {
    const field = requested.length === 0 ? 'spec.listeners' : `spec.addresses[${i}]`;
    const isFree = (address: string): boolean =>
      !addresses.includes(address) && ports.every((port) => sockets.isFree(address, port));
    const problem =
      routability !== undefined && routability !== ''
        ? notUsable(`routability ${routability} is not supported`, 'remove it', `${field}.routability`)
        : value === undefined || value === ''
          ? given === undefined
            ? takeAny(options, sockets, isFree, ports, field, addresses)
            : takeGiven(given, isFree, ports, field, addresses)
          : given === undefined || given.includes(value)
            ? // What a load balancer gives can be had, whatever network it is of.
              takeAsked(value, given !== undefined || isBindable(value), isFree, ports, field, addresses)
            : notUsable(
                `${value} is not among the addresses that a load balancer gave (${given.join(', ') || 'none'})`,
                'use an address of a CiliumLoadBalancerIPPool that nothing else has',
                field,
              );
    if (problem !== undefined) refused.push(problem);
  }
  return { addresses, refused, takenPorts: [] };
}

function takeAsked(
  value: string,
  bindable: boolean,
  isFree: (address: string) => boolean,
  ports: readonly string[],
  field: string,
  addresses: string[],
): Problem | undefined {
  if (!bindable) return notUsable(`${value} is no address that a host can have`, 'use an address of this host', field);
  if (!isFree(value))
    return notUsable(
      `a port of ${listPorts(ports)} on ${value} is taken by an older Gateway or by Ingress`,
      'use another address or other ports',
      field,
    );
  addresses.push(value);
  return undefined;
}

function takeAny(
  { address, gatewayAddresses }: Pick<MeshOptions, 'address' | 'gatewayAddresses'>,
  sockets: Sockets,
  isFree: (address: string) => boolean,
  ports: readonly string[],
  field: string,
  addresses: string[],
): Problem | undefined {
  let candidate: string | undefined = address;
  const goOn = gatewayAddresses === 'next' && !ports.some((port) => sockets.isTakenEverywhere(address, port));
  while (candidate !== undefined && !isFree(candidate)) candidate = goOn ? nextAddress(candidate) : undefined;
  if (candidate === undefined)
    return {
      ...notUsable(
        `a port of ${listPorts(ports)} on ${address} is taken by an older Gateway or by Ingress, and there is no other address`,
        'use other ports, or ask for an address of its own in spec.addresses',
        field,
      ),
      reason: 'AddressNotAssigned',
    };
  addresses.push(candidate);
  return undefined;
}

/** All that are free, so that a Gateway of two families has both. */
function takeGiven(
  given: readonly string[],
  isFree: (address: string) => boolean,
  ports: readonly string[],
  field: string,
  addresses: string[],
): Problem | undefined {
  const free = given.filter((address) => isFree(address));
  addresses.push(...free);
  if (free.length > 0) return undefined;
  const message =
    given.length === 0
      ? 'no load balancer has given an address yet'
      : `a port of ${listPorts(ports)} on ${given.join(', ')} is taken by an older Gateway`;
  const hint =
    given.length === 0
      ? 'there must be a CiliumLoadBalancerIPPool with free addresses, or another load balancer'
      : 'use other ports, or an address of its own';
  return { ...notUsable(message, hint, field), reason: 'AddressNotAssigned' };
}

function notUsable(message: string, hint: string, field: string): Problem {
  return { reason: 'AddressNotUsable', message, hint, field };
}

function listPorts(ports: readonly string[]): string {
  return ports.map((port) => port.slice('tcp/'.length)).join(', ');
}

/** The address after an IPv4 one, up to the end of its /16; there is none after `0.0.0.0` and after IPv6 addresses. */
function nextAddress(address: string): string | undefined {
  if (isIP(address) !== 4 || address === '0.0.0.0') return undefined;
  const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
  const next = c * 256 + d + 1;
  return next >= 0xffff ? undefined : `${a}.${b}.${next >> 8}.${next & 255}`;
}

/** Not multicast, reserved (RFC 1112) or for documentation only (RFC 5737, RFC 3849). */
function isBindable(value: string): boolean {
  const family = isIP(value);
  if (family === 6) return !/^(ff|2001:0?db8:)/i.test(value);
  if (family !== 4) return false;
  if (/^(192\.0\.2|198\.51\.100|203\.0\.113)\./.test(value)) return false;
  return Number(value.slice(0, value.indexOf('.'))) < 224;
}

/** Who listens where. An unspecified address (`0.0.0.0`, `::`) is every address of its family. */
class Sockets {
  readonly #byPort = new Map<string, Set<string>>();

  /** No address of the family would do. */
  isTakenEverywhere(address: string, port: string): boolean {
    return this.#byPort.get(port)?.has(everyAddress(address)) ?? false;
  }
  isFree(address: string, port: string): boolean {
    const taken = this.#byPort.get(port);
    if (taken === undefined) return true;
    if (taken.has(address) || taken.has(everyAddress(address))) return false;
    return address !== everyAddress(address) || ![...taken].some((other) => isIP(other) === isIP(address));
  }
  take(address: string, port: string): void {
    const taken = this.#byPort.get(port);
    if (taken === undefined) this.#byPort.set(port, new Set([address]));
    else taken.add(address);
  }
}

function everyAddress(address: string): string {
  return isIP(address) === 6 ? '::' : '0.0.0.0';
}
