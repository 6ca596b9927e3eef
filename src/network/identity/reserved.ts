import type { Identity } from './identity.ts';
import { makePrefix, type Prefix } from './prefix.ts';

/** The numbers that mean the same in every cluster. */
export const reserved = {
  /** In policy entries: any identity. No packet has it. */
  unknown: 0,
  host: 1,
  world: 2,
  unmanaged: 3,
  health: 4,
  init: 5,
  'remote-node': 6,
  'kube-apiserver': 7,
  ingress: 8,
  'world-ipv4': 9,
  'world-ipv6': 10,
} as const;
export type ReservedName = keyof typeof reserved;

/** Labels of each: an address of the API server that is a node's is one of a remote node too. */
const labels: Readonly<Record<Exclude<ReservedName, 'unknown'>, readonly string[]>> = {
  host: ['reserved:host'],
  world: ['reserved:world'],
  unmanaged: ['reserved:unmanaged'],
  health: ['reserved:health'],
  init: ['reserved:init'],
  'remote-node': ['reserved:remote-node'],
  'kube-apiserver': ['reserved:kube-apiserver', 'reserved:remote-node'],
  ingress: ['reserved:ingress'],
  'world-ipv4': ['cidr:0.0.0.0/0', 'reserved:world', 'reserved:world-ipv4'],
  'world-ipv6': ['cidr:::/0', 'reserved:world', 'reserved:world-ipv6'],
};

/** All of IPv4 and all of IPv6 are networks as well. */
const prefixes: { readonly [N in ReservedName]?: Prefix } = {
  'world-ipv4': makePrefix(4, 0n, 0),
  'world-ipv6': makePrefix(6, 0n, 0),
};

export const reservedIdentities: readonly (Identity & { readonly prefix?: Prefix })[] = Object.entries(labels).map(
  ([name, of]) => {
    const prefix = prefixes[name as ReservedName];
    return { id: reserved[name as ReservedName], labels: of, ...(prefix === undefined ? {} : { prefix }) };
  },
);
