import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RetryPolicySchema } from '../../../gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { pack } from '../../../lib/protobuf-encode.ts';
import type { Retry } from '../../model/index.ts';
import { duration } from '../config.ts';

type RetryPolicy = MessageInitShape<typeof RetryPolicySchema>;

/** What may be tried again whatever the request does, as no backend has seen it yet. */
const neverSeen = 'connect-failure,refused-stream,reset-before-request';

/**
 * Another endpoint than those tried before, if chance finds one in so many draws: the least busy of two is often the one that
 * refuses everybody.
 */
const elsewhere = {
  retryHostPredicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      configType: { case: 'typedConfig' as const, value: pack(PreviousHostsPredicateSchema, {}) },
    },
  ],
  hostSelectionRetryMaxAttempts: 10n,
};

/**
 * Of every cluster but those whose routes have policies of their own (Envoy lets a cluster's override a route's): an endpoint
 * that has died and is still in the list costs no request. Nothing that a backend could have acted on is repeated.
 */
export const defaultRetry = { retryOn: neverSeen, numRetries: 2, ...elsewhere } satisfies RetryPolicy;

/** GEP-1731. Several tries go to different endpoints where there are several. */
export function retryToEnvoy(retry: Retry | undefined, tryTimeoutMs: number | undefined): RetryPolicy | undefined {
  const perTry = tryTimeoutMs === undefined || tryTimeoutMs === 0 ? {} : { perTryTimeout: duration(tryTimeoutMs) };
  if (retry === undefined) return tryTimeoutMs === undefined ? undefined : { ...defaultRetry, ...perTry };
  return {
    retryOn: `connect-failure,refused-stream,reset${retry.codes.length > 0 ? ',retriable-status-codes' : ''}`,
    numRetries: retry.attempts,
    retriableStatusCodes: [...retry.codes],
    ...perTry,
    ...(retry.backoffMs === undefined || retry.backoffMs <= 0
      ? {}
      : { retryBackOff: { baseInterval: duration(retry.backoffMs), maxInterval: duration(retry.backoffMs * 10) } }),
    ...elsewhere,
  };
}
