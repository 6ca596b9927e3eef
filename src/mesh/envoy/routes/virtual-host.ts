import type { MessageInitShape } from '@bufbuild/protobuf';
import { RouteSchema, VirtualHostSchema } from '../../../gen/envoy/config/route/v3/route_components_pb.ts';
import { encodeAsField } from '../../../lib/protobuf-encode.ts';
import { trimmed } from '../../../lib/sole.ts';
import { comparePrecedence, type HttpRoute } from '../../model/index.ts';
import type { EncodeProblem } from '../attempt.ts';
import { uniqueOrigins } from '../make-resource.ts';
import type { Fragment } from '../resource.ts';
import type { TableUse } from '../table-use.ts';
import { violations } from '../validate.ts';
import { httpRouteToEnvoy } from './route.ts';

/** All routes of one host of one table, encoded as a part of any RouteConfiguration. `key` is the host. */
export interface HostFragment extends Fragment {
  readonly table: string;
  readonly problems: readonly EncodeProblem[];
}

/** `virtual_hosts` of RouteConfiguration. */
const virtualHostsField = 2;

/** What Envoy would refuse of one route is left out: its table, and the host's other routes, must not fall with it. */
export function virtualHost(
  table: string,
  host: string,
  routes: readonly HttpRoute[],
  options: { readonly use: TableUse | undefined; readonly traced: boolean },
): HostFragment {
  const problems: EncodeProblem[] = [];
  const sorted =
    routes.length === 1
      ? routes
      : [...routes].sort((a, b) => comparePrecedence(a.precedence, b.precedence) || (a.key < b.key ? -1 : 1));
  const encoded: MessageInitShape<typeof RouteSchema>[] = [];
  const found: string[] = [];
  const context = { use: options.use, traced: options.traced, problems: found };
  for (const route of sorted) {
    found.length = 0;
    const one = httpRouteToEnvoy(route, context);
    const broken = violations(RouteSchema, one);
    for (const message of found) problems.push({ subject: route.name, message, origins: route.origins });
    for (const message of broken) problems.push({ subject: route.name, message, origins: route.origins });
    if (broken.length === 0) encoded.push(one);
  }
  return {
    key: host,
    table,
    bytes: encodeAsField(virtualHostsField, VirtualHostSchema, {
      name: host,
      domains: [host],
      routes: encoded,
    }),
    origins: uniqueOrigins(sorted),
    problems: trimmed(problems),
  };
}
