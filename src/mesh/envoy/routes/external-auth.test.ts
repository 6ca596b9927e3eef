import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { ExtensionWithMatcherPerRouteSchema } from '../../../gen/envoy/extensions/common/matching/v3/extension_matcher_pb.ts';
import { ExecuteFilterActionSchema } from '../../../gen/envoy/extensions/filters/http/composite/v3/composite_pb.ts';
import { ExtAuthzSchema } from '../../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import type { ExternalAuth } from '../../model/index.ts';
import { externalAuthToEnvoy, noneOf } from './external-auth.ts';

/** The ext_authz filter that the composite is told to run. */
function encoded(auth: ExternalAuth) {
  const perRoute = fromBinary(ExtensionWithMatcherPerRouteSchema, externalAuthToEnvoy(auth).value as Uint8Array);
  const onMatch = perRoute.xdsMatcher?.onNoMatch?.onMatch;
  assert.ok(onMatch?.case === 'action');
  const action = anyUnpack(onMatch.value.typedConfig as Any, ExecuteFilterActionSchema);
  const filter = anyUnpack(action?.typedConfig?.typedConfig as Any, ExtAuthzSchema);
  assert.ok(filter);
  return filter;
}

describe('external authorisation', () => {
  it('asks a gRPC service with all headers and no body, and fails closed', () => {
    const filter = encoded({
      backend: 'ns/a:9000+http2',
      protocol: 'grpc',
      requestHeaders: [],
      responseHeaders: [],
      maxBody: 0,
    });
    assert.ok(filter.services.case === 'grpcService');
    assert.ok(filter.services.value.targetSpecifier.case === 'envoyGrpc');
    assert.equal(filter.services.value.targetSpecifier.value.clusterName, 'ns/a:9000+http2');
    assert.deepEqual(
      [filter.allowedHeaders, filter.withRequestBody, filter.failureModeAllow, filter.statusOnError?.code],
      [undefined, undefined, false, 503],
    );
  });

  it('asks an HTTP service under a path, with some headers and the body', () => {
    const filter = encoded({
      backend: 'ns/a:80',
      protocol: 'http',
      pathPrefix: '/check',
      requestHeaders: ['x-a'],
      responseHeaders: ['x-b'],
      maxBody: 1024,
    });
    assert.ok(filter.services.case === 'httpService');
    const { serverUri, pathPrefix, authorizationResponse } = filter.services.value;
    assert.deepEqual(
      [
        serverUri?.httpUpstreamType.value,
        pathPrefix,
        filter.allowedHeaders?.patterns.map(({ matchPattern }) => matchPattern.value),
        authorizationResponse?.allowedUpstreamHeaders?.patterns.map(({ matchPattern }) => matchPattern.value),
        filter.withRequestBody?.maxRequestBytes,
        filter.withRequestBody?.allowPartialMessage,
      ],
      ['ns/a:80', '/check', ['x-a'], ['x-b'], 1024, false],
    );
  });

  it('lets every header of the answer through but those that are about the answer itself', () => {
    const filter = encoded({ backend: 'b', protocol: 'http', requestHeaders: [], responseHeaders: [], maxBody: 0 });
    assert.ok(filter.services.case === 'httpService');
    const pattern = filter.services.value.authorizationResponse?.allowedUpstreamHeaders?.patterns[0]?.matchPattern;
    assert.ok(pattern?.case === 'safeRegex');
    const regex = RE2JS.compile(pattern.value.regex);
    for (const name of ['x-user', 'authorization', 'cookie', 'content-lengths', 'con', 'hosts', 'tenant', 'x-date'])
      assert.ok(regex.matches(name), name);
    for (const name of ['content-length', 'transfer-encoding', 'host', 'connection', 'te', ':status'])
      assert.ok(!regex.matches(name), name);
  });

  it('has an expression for every text but some words', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '-', ']', '^', '\\'), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), word, (words, text) => {
        assert.equal(RE2JS.compile(noneOf(words)).matches(text), !words.includes(text));
      }),
    );
  });
});
