import { GATEWAY_GROUP, type Listener } from '../../api/index.ts';
import type { Problem } from './conditions.ts';

export const routeKinds = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const;
export type RouteKind = (typeof routeKinds)[number];

/** How a listener takes what comes in. */
export type ListenerMode = 'http' | 'https' | 'terminate' | 'passthrough' | 'tcp' | 'udp';

/** Undefined: a protocol that we don't know. */
export function modeOf({ protocol, tls }: Listener): ListenerMode | undefined {
  switch (protocol) {
    case 'HTTP':
      return 'http';
    case 'HTTPS':
      return 'https';
    case 'TLS':
      return tls?.mode === 'Passthrough' ? 'passthrough' : 'terminate';
    case 'TCP':
      return 'tcp';
    case 'UDP':
      return 'udp';
    default:
      return undefined;
  }
}

/** The first is the one that everybody means. A TCPRoute takes what is left once TLS is terminated. */
const kindsOfMode: Readonly<Record<ListenerMode, readonly RouteKind[]>> = {
  http: ['HTTPRoute', 'GRPCRoute'],
  https: ['HTTPRoute', 'GRPCRoute'],
  terminate: ['TLSRoute', 'TCPRoute'],
  passthrough: ['TLSRoute'],
  tcp: ['TCPRoute'],
  udp: ['UDPRoute'],
};

/** `supportedKinds` of a listener, and what it asks for in vain (condition ResolvedRefs). */
export function supportedKinds(
  { allowedRoutes: { kinds: wanted } }: Listener,
  mode: ListenerMode | undefined,
  field: string,
): { readonly kinds: readonly RouteKind[]; readonly problem?: Problem } {
  if (mode === undefined) return { kinds: [] };
  const possible = kindsOfMode[mode];
  if (wanted.length === 0) return { kinds: possible };
  const isPossible = (entry: (typeof wanted)[number]): boolean =>
    entry.group === GATEWAY_GROUP && (possible as readonly string[]).includes(entry.kind);
  const kinds = possible.filter((kind) => wanted.some((entry) => isPossible(entry) && entry.kind === kind));
  const bad = wanted.findIndex((entry) => !isPossible(entry));
  if (bad < 0) return { kinds };
  return {
    kinds,
    problem: {
      reason: 'InvalidRouteKinds',
      message: `routes of kind ${wanted[bad]!.kind} cannot attach here`,
      hint: `a listener of this protocol takes ${possible.join(' and ')}`,
      field: `${field}.allowedRoutes.kinds[${bad}]`,
    },
  };
}
