import type { MessageInitShape } from '@bufbuild/protobuf';
import { ApiVersion } from '../../../gen/envoy/config/core/v3/config_source_pb.ts';
import {
  ExtensionWithMatcherPerRouteSchema,
  ExtensionWithMatcherSchema,
} from '../../../gen/envoy/extensions/common/matching/v3/extension_matcher_pb.ts';
import {
  CompositeSchema,
  ExecuteFilterActionSchema,
} from '../../../gen/envoy/extensions/filters/http/composite/v3/composite_pb.ts';
import { ExtAuthzSchema } from '../../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import type { ListStringMatcherSchema } from '../../../gen/envoy/type/matcher/v3/string_pb.ts';
import { StatusCode } from '../../../gen/envoy/type/v3/http_status_pb.ts';
import { pack } from '../../../lib/protobuf-encode.ts';
import { quoteRegex } from '../../../lib/regex.ts';
import type { ExternalAuth } from '../../model/index.ts';
import { duration, extension } from '../config.ts';

/**
 * The filter as it stands in every chain. A composite does nothing until a route gives it a filter to run: so each route has
 * an ext_authz filter with a service and options of its own (its per-route settings know only some of them), and a route
 * that comes to need one changes no listener.
 */
export const externalAuthFilter = pack(ExtensionWithMatcherSchema, {
  extensionConfig: extension('composite', pack(CompositeSchema, {})),
  xdsMatcher: {},
});

/** How long the service may take, ms. Without an answer by then the request is refused. */
const timeout = 5_000;

/** The filter's configuration on one route. */
export function externalAuthToEnvoy(auth: ExternalAuth) {
  const action = pack(ExecuteFilterActionSchema, {
    typedConfig: extension('envoy.filters.http.ext_authz', pack(ExtAuthzSchema, extAuthz(auth))),
  });
  return pack(ExtensionWithMatcherPerRouteSchema, {
    xdsMatcher: { onNoMatch: { onMatch: { case: 'action', value: extension('external-auth', action) } } },
  });
}

function extAuthz(auth: ExternalAuth): MessageInitShape<typeof ExtAuthzSchema> {
  return {
    services: service(auth),
    transportApiVersion: ApiVersion.V3,
    // Nobody was asked: that is not the client's fault, as 403 would say.
    statusOnError: { code: StatusCode.ServiceUnavailable },
    ...(auth.requestHeaders.length === 0 ? {} : { allowedHeaders: names(auth.requestHeaders) }),
    ...(auth.maxBody === 0 ? {} : { withRequestBody: { maxRequestBytes: auth.maxBody, packAsBytes: true } }),
  };
}

function service(auth: ExternalAuth): NonNullable<MessageInitShape<typeof ExtAuthzSchema>['services']> {
  if (auth.protocol === 'grpc')
    return {
      case: 'grpcService',
      value: {
        // Without an authority it is the cluster's name, whose slash no HTTP/2 server takes.
        targetSpecifier: {
          case: 'envoyGrpc',
          value: { clusterName: auth.backend, authority: auth.authority ?? 'external-auth' },
        },
        timeout: duration(timeout),
      },
    };
  return {
    case: 'httpService',
    value: {
      // The URI is never resolved: the cluster is where requests go, and their host is the client's.
      serverUri: {
        uri: 'http://external-auth',
        httpUpstreamType: { case: 'cluster', value: auth.backend },
        timeout: duration(timeout),
      },
      ...(auth.pathPrefix === undefined ? {} : { pathPrefix: auth.pathPrefix }),
      authorizationResponse: {
        allowedUpstreamHeaders: auth.responseHeaders.length === 0 ? everyOther(own) : names(auth.responseHeaders),
      },
    },
  };
}

/** Headers that are about the answer itself; copied into the request they would break it, or send it elsewhere. */
const own = [
  ':status',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'host',
  'keep-alive',
  'proxy-connection',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function names(list: readonly string[]): MessageInitShape<typeof ListStringMatcherSchema> {
  return { patterns: list.map((name) => ({ matchPattern: { case: 'exact', value: name }, ignoreCase: true })) };
}

function everyOther(list: readonly string[]): MessageInitShape<typeof ListStringMatcherSchema> {
  return { patterns: [{ matchPattern: { case: 'safeRegex', value: { regex: noneOf(list) } } }] };
}

/** What matches every text but these (ASCII) words, in RE2, which has no look-ahead: letter by letter, some way to differ. */
export function noneOf(words: readonly string[]): string {
  const firsts = new Set(words.filter((word) => word !== '').map((word) => word[0] as string));
  if (firsts.size === 0) return words.includes('') ? '.+' : '.*';
  const others = `[^${[...firsts].map((letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')}].*`;
  const rests = [...firsts].map(
    (letter) => `${quoteRegex(letter)}${noneOf(words.filter((w) => w[0] === letter).map((w) => w.slice(1)))}`,
  );
  return `(?:${[...rests, others].join('|')})${words.includes('') ? '' : '?'}`;
}
