import { StatefulSessionPerRouteSchema } from '../../../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts';
import { CookieBasedSessionStateSchema } from '../../../gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts';
import { HeaderBasedSessionStateSchema } from '../../../gen/envoy/extensions/http/stateful_session/header/v3/header_pb.ts';
import { pack } from '../../../lib/protobuf-encode.ts';
import type { SessionPersistence } from '../../model/index.ts';
import { duration, extension } from '../config.ts';

/** The stateful session filter's configuration on one route: the session names the endpoint itself, so it survives our restart. */
export function sessionToEnvoy(session: SessionPersistence) {
  const sessionState =
    session.type === 'cookie'
      ? extension(
          'envoy.http.stateful_session.cookie',
          pack(CookieBasedSessionStateSchema, {
            cookie: {
              name: session.name,
              path: session.path ?? '/',
              ...(session.lifetimeMs === undefined ? {} : { ttl: duration(session.lifetimeMs) }),
            },
          }),
        )
      : extension('envoy.http.stateful_session.header', pack(HeaderBasedSessionStateSchema, { name: session.name }));

  return pack(StatefulSessionPerRouteSchema, { override: { case: 'statefulSession', value: { sessionState } } });
}
