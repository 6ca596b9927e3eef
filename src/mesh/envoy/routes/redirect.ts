import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  RedirectAction_RedirectResponseCode as Code,
  type RedirectActionSchema,
} from '../../../gen/envoy/config/route/v3/route_components_pb.ts';
import type { HttpRoute, Redirect } from '../../model/index.ts';
import type { TableUse } from '../table-use.ts';
import { pathRedirect, pathReplacement } from './path.ts';

const codes = {
  301: Code.MOVED_PERMANENTLY,
  302: Code.FOUND,
  303: Code.SEE_OTHER,
  307: Code.TEMPORARY_REDIRECT,
  308: Code.PERMANENT_REDIRECT,
} as const;

const defaultPort = { http: 80, https: 443 } as const;

/** `use`: who listens for the route's table; it tells the port where the redirect doesn't. */
export function redirectToEnvoy(
  route: HttpRoute,
  redirect: Redirect,
  use: TableUse | undefined,
): MessageInitShape<typeof RedirectActionSchema> {
  const replacement = redirect.path && pathReplacement(route.match.path, redirect.path);
  return {
    responseCode: codes[redirect.status],
    ...(redirect.scheme === undefined
      ? {}
      : { schemeRewriteSpecifier: { case: 'schemeRedirect', value: redirect.scheme } }),
    ...authority(route, redirect, use),
    ...(replacement === undefined ? {} : { pathRewriteSpecifier: pathRedirect(replacement) }),
  };
}

/**
 * Gateway API, HTTPRequestRedirectFilter.port: absent, it is the well-known port of a scheme that is set, else the listener's;
 * the scheme's well-known port should not be written. Without being told Envoy keeps the port that the client wrote into
 * the Host header, unless the host is set.
 */
function authority(route: HttpRoute, redirect: Redirect, use: TableUse | undefined) {
  const scheme = redirect.scheme ?? use?.scheme;
  const port = redirect.port ?? (redirect.scheme === undefined ? use?.port : defaultPort[redirect.scheme]);
  const named = redirect.hostname === undefined ? {} : { hostRedirect: redirect.hostname };
  if (port === undefined) return named;
  if (scheme === undefined || port !== defaultPort[scheme]) return { ...named, portRedirect: port };
  const hostname = redirect.hostname ?? (route.host.includes('*') ? undefined : route.host);
  return hostname === undefined ? { portRedirect: port } : { hostRedirect: hostname };
}
