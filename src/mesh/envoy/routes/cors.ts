import type { MessageInitShape } from '@bufbuild/protobuf';
import { CorsPolicySchema } from '../../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import type { StringMatcherSchema } from '../../../gen/envoy/type/matcher/v3/string_pb.ts';
import { pack } from '../../../lib/protobuf-encode.ts';
import { quoteRegex } from '../../../lib/regex.ts';
import type { Cors } from '../../model/index.ts';

/** The CORS filter's configuration on one route. */
export function corsToEnvoy(cors: Cors) {
  return pack(CorsPolicySchema, {
    allowOriginStringMatch: cors.allowOrigins.map(originMatcher),
    allowMethods: cors.allowMethods.join(', '),
    allowHeaders: cors.allowHeaders.join(', '),
    exposeHeaders: cors.exposeHeaders.join(', '),
    maxAge: String(cors.maxAge),
    allowCredentials: cors.allowCredentials,
    // A preflight request is a question to us: a backend that knows nothing of CORS would answer 405 or worse.
    forwardNotMatchingPreflights: false,
  });
}

/** GEP-1767: `*` alone is any origin; in a host it stands for any number of labels, to the left of a fixed part. */
function originMatcher(origin: string): MessageInitShape<typeof StringMatcherSchema> {
  if (origin === '*') return { matchPattern: { case: 'safeRegex', value: { regex: '.*' } } };
  if (!origin.includes('*')) return { matchPattern: { case: 'exact', value: origin }, ignoreCase: true };
  const regex = origin.split('*').map(quoteRegex).join('[^/:]+');
  return { matchPattern: { case: 'safeRegex', value: { regex } } };
}
