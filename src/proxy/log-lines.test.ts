import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isAboutFieldMaturity, isRefusal, isStillAway, LineSplitter, parseLogLine } from './log-lines.ts';

describe('log lines', () => {
  it('maps levels and keeps components', () => {
    assert.deepEqual(parseLogLine('[warning][config] no such [thing]'), {
      ...{ level: 'warn', component: 'config', message: 'no such [thing]' },
    });
    assert.equal(parseLogLine('[critical][main] x').level, 'error');
    assert.equal(parseLogLine('[debug][conn_handler] x').level, 'debug');
  });

  it('undoes the escaping that keeps a record on one line', () => {
    assert.equal(
      parseLogLine(String.raw`[error][main] node \'id\'\n  C:\\n \"x\"`).message,
      'node \'id\'\n  C:\\n "x"',
    );
  });

  it('takes what is no log line as an error', () => {
    assert.deepEqual(parseLogLine('terminate called'), { level: 'error', component: '', message: 'terminate called' });
    assert.equal(parseLogLine('[loud][main] x').message, '[loud][main] x');
  });

  it('knows what Envoy has said over xDS already', () => {
    const bind = "cannot bind '127.0.0.1:80': Permission denied";
    for (const line of [
      `[warning][config] delta config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: ${bind}`,
      `[warning][config] gRPC config for type.googleapis.com/envoy.config.cluster.v3.Cluster rejected: x\\ny`,
      `[warning][upstream] lds: listener 'ingress/http' config rejected: ${bind}`,
      `[error][config] listener 'ingress/http' failed to bind or apply socket options: ${bind}`,
    ])
      assert.equal(isRefusal(parseLogLine(line)), true, line);
    for (const line of [
      '[warning][config] DeltaAggregatedResources gRPC config stream to xds closed: 14, no route',
      `[error][main] config rejected: ${bind}`,
      'config rejected: x',
    ])
      assert.equal(isRefusal(parseLogLine(line)), false, line);
  });

  it('knows remarks on the maturity of fields, which name no object', () => {
    for (const text of [
      "Deprecated field: type envoy.config.cluster.v3.Cluster Using deprecated option 'x' from file cluster.proto.",
      "field 'envoy.x.UdpProxyConfig.matcher' is marked as work-in-progress. API features marked as ...",
    ]) {
      assert.equal(isAboutFieldMaturity(parseLogLine(`[warning][misc] ${text}`)), true, text);
      assert.equal(isAboutFieldMaturity(parseLogLine(`[warning][config] ${text}`)), false, text);
    }
    assert.equal(isAboutFieldMaturity(parseLogLine('[warning][misc] anything else')), false);
  });

  it('knows that the control plane is still away from that it went', () => {
    const closed = (when: string) =>
      `[warning][config] DeltaAggregatedResources gRPC config stream to xds closed${when}: 14, no`;
    assert.equal(isStillAway(parseLogLine(closed(' since 3s ago'))), true);
    assert.equal(isStillAway(parseLogLine(closed(''))), false);
  });

  it('gives the same lines however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[^\n]{1,9}$/)),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        (lines, cuts) => {
          const seen: string[] = [];
          const splitter = new LineSplitter((line) => seen.push(line));
          const text = lines.map((line) => `${line}\n`).join('');
          for (let at = 0, i = 0; at < text.length; i++) {
            const size = cuts[i % cuts.length]!;
            splitter.push(text.slice(at, at + size));
            at += size;
          }
          splitter.end();
          assert.deepEqual(seen, lines);
        },
      ),
    );
  });

  it('does not hold an endless line in memory', () => {
    const seen: string[] = [];
    const splitter = new LineSplitter((line) => seen.push(line));
    for (let i = 0; i < 100; i++) splitter.push('x'.repeat(1000));
    assert.equal(seen.length, 1);
    assert.ok(seen[0]!.length > 65_536);
  });
});
