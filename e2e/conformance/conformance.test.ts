import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { linesOf } from '../cluster/progress.ts';
import { useCluster } from '../support/cluster-rig.ts';
import { packImages } from './gateway/images.ts';
import { buildSuite, type Suite } from './gateway/module.ts';
import { cacheDir, logFile, runSuite, testsOf } from './gateway/run-suite.ts';
import type { Outcome } from './gateway/test-output.ts';
import { installSluice } from './sluice.ts';
import { type Testbed, testbedOf } from './testbed.ts';

/** Of each profile and of each way in which statuses, listeners and the proxy work together, the one that shows most. */
const part = [
  'BackendTLSPolicy',
  'GRPCRouteHeaderMatching',
  'GatewayFrontendClientCertificateValidation',
  'GatewayInfrastructureMetadata',
  'GatewayInvalidRouteKind',
  'GatewayModifyListeners',
  'GatewayStaticAddresses',
  'GatewayWithAttachedRoutes',
  'HTTPRouteBackendProtocolWebSocket',
  'HTTPRouteCORS',
  'HTTPRouteHTTPSListenerDetectMisdirectedRequests',
  'HTTPRouteMatching',
  'HTTPRouteReferenceGrant',
  'HTTPRouteRequestMirror',
  'HTTPRouteRetry',
  'HTTPRouteServiceTypes',
  'ListenerSetHTTPRouting',
  'TCPRouteReferenceGrant',
  'TLSRouteMixedTerminationSameNamespace',
  'UDPRouteWeightedRouting',
];

describe('conformance, a part of it (npm run conformance:gateway and conformance:ingress run all)', function () {
  this.timeout(15 * 60_000);
  const cluster = useCluster();
  let suite: Suite;
  let testbed: Testbed;

  before(async () => {
    const progress = linesOf((line) => process.stderr.write(line));
    suite = buildSuite((line) => process.stderr.write(`${line}\n`));
    testbed = testbedOf(cluster());
    await testbed.loadImages(packImages(suite, testbed.coredns, cacheDir));
    await installSluice(testbed, { crds: [suite.crds] }, progress);
  });

  it(`Gateway API: ${part.length} tests of its suite`, async () => {
    assert.deepEqual(
      part.filter((test) => !testsOf(suite).includes(test)),
      [],
    );
    const outcomes: Outcome[] = [];
    const code = await runSuite(suite, testbed, { only: part, onOutcome: (outcome) => outcomes.push(outcome) });
    const failed = outcomes.filter(({ result }) => result !== 'PASS').map(({ test }) => test);
    assert.equal(code, 0, `failed: ${failed.join(', ')}\n${readFileSync(logFile, 'utf8').slice(-5000)}`);
    assert.deepEqual(outcomes.map(({ test }) => test).sort(), part);
  });

  it('Ingress: rules for hosts and for paths', async () => {
    const files = ['host-rules', 'path-rules'].map((name) =>
      join(import.meta.dirname, `ingress/${name}.conformance.ts`),
    );
    const mocha = ['node_modules/mocha/bin/mocha.js', '--no-config', '--exit', ...files];
    const [file = '', ...args] = testbed.inNetwork([process.execPath, ...mocha]);
    const child = spawn(file, args, {
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, KUBECONFIG: testbed.kubeconfig },
    });
    const ended = once(child, 'exit');
    const printed = await text(child.stdout);
    const [code] = (await ended) as [number | null];
    assert.equal(code, 0, printed);
    assert.match(printed, /\d+ passing/);
  });
});
