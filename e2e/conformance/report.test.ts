import assert from 'node:assert/strict';
import { formatSummary, parseReport, summarize, totals } from './report.ts';

const text = `
apiVersion: gateway.networking.k8s.io/v1
kind: ConformanceReport
gatewayAPIVersion: v1.6.3
gatewayAPIChannel: experimental
implementation: {organization: o, project: p, url: u, version: v, contact: []}
profiles:
  - name: GATEWAY-HTTP
    core: {result: success, statistics: {Passed: 33, Failed: 0, Skipped: 0}}
    extended:
      result: failure
      statistics: {Passed: 40, Failed: 1, Skipped: 0}
      failedTests: [HTTPRouteCORS]
      supportedFeatures: [GatewayPort8080, HTTPRouteCORS]
      unsupportedFeatures: [ListenerSet]
  - name: GATEWAY-TCP
    core: {result: success, statistics: {Passed: 8, Failed: 0, Skipped: 1}, skippedTests: [TCPRouteReferenceGrant]}
    extended:
      result: success
      statistics: {Passed: 2, Failed: 0, Skipped: 0}
      supportedFeatures: [GatewayPort8080]
      unsupportedFeatures: [ListenerSet]
`;

describe('conformance report', () => {
  it('is added up by profile, and features that profiles share count once over all', () => {
    const profiles = summarize(parseReport(text));
    assert.deepEqual(profiles[0]?.known, ['GatewayPort8080', 'HTTPRouteCORS', 'ListenerSet']);
    assert.deepEqual(totals(profiles), {
      ...{ corePassed: 41, core: 42, extendedPassed: 42, extended: 43, skipped: 1 },
      ...{ claimed: 2, known: 3, failedTests: 1 },
    });
  });

  it('is shown as a table that names what failed', () => {
    const lines = formatSummary(summarize(parseReport(text))).split('\n');
    assert.match(lines[1] ?? '', /^GATEWAY-HTTP +33\/0\/0 +40\/1\/0 +2\/3$/);
    assert.equal(lines.at(-1), 'failed: HTTPRouteCORS');
  });

  it('is refused where there are no profiles', () => {
    for (const wrong of ['{}', '[]', 'kind: ConformanceReport']) assert.throws(() => parseReport(wrong), /no profiles/);
  });
});
