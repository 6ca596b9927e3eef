import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { cluster } from './testing/resources.ts';
import { type Rig, startRig } from './testing/rig.ts';

describe('xDS transports', () => {
  let dir: string;
  let rig: Rig | undefined;
  const read = (name: string) => readFileSync(join(dir, name));
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'xds-tls-'));
    const sign = (name: string, ca?: string) =>
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
          ...['-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.crt`), '-subj', `/CN=${name}`],
          ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
          ...(ca ? ['-CA', join(dir, `${ca}.crt`), '-CAkey', join(dir, `${ca}.key`)] : []),
        ],
        { stdio: 'pipe' },
      );
    sign('ca');
    sign('other-ca');
    sign('server', 'ca');
    sign('client', 'ca');
    sign('stranger', 'other-ca');
  });
  after(() => rmSync(dir, { recursive: true, force: true }));
  afterEach(() => rig?.close());

  const start = () =>
    startRig({
      tcp: {
        address: '127.0.0.1',
        port: 0,
        tls: { cert: read('server.crt'), key: read('server.key'), clientCa: read('ca.crt') },
      },
    });
  const connect = (served: Rig, tls: grpc.ChannelCredentials) =>
    served.connect({ target: { tcp: `127.0.0.1:${served.server.port}`, tls } });

  it('serves over TCP to a client with a certificate', async () => {
    rig = await start();
    rig.cache.apply({ set: [cluster('a')] });
    const tls = grpc.credentials.createSsl(read('ca.crt'), read('client.key'), read('client.crt'));
    const client = connect(rig, tls);
    client.subscribe('clusters');
    await client.until(() => client.names('clusters').length === 1);
  });

  it('serves nothing to a client without one, or with one of another authority, or without TLS', async () => {
    rig = await start();
    rig.cache.apply({ set: [cluster('a')] });
    for (const tls of [
      grpc.credentials.createSsl(read('ca.crt')),
      grpc.credentials.createSsl(read('ca.crt'), read('stranger.key'), read('stranger.crt')),
      grpc.credentials.createInsecure(),
    ]) {
      const client = connect(rig, tls);
      client.subscribe('clusters');
      await client.until(() => client.ended !== undefined);
      assert.equal(client.ended?.code, grpc.status.UNAVAILABLE);
      assert.deepEqual(client.log, []);
    }
  });

  it('ends its streams in good order when it closes, and clients come back to the next server', async () => {
    const first = await startRig();
    first.cache.apply({ set: [cluster('a')] });
    const client = first.connect();
    client.subscribe('clusters');
    await client.until(() => client.names('clusters').length === 1);
    const closed = first.server.close();
    await client.until(() => client.ended !== undefined);
    assert.equal(client.ended?.code, grpc.status.OK);
    client.close();
    await closed;
    rig = await startRig({ unix: first.path, cache: first.cache });
    const again = first.connect();
    again.subscribe('clusters');
    await again.until(() => again.names('clusters').length === 1);
    await first.close();
  });

  it('counts, without a name in any label', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({ readers: [reader] });
    rig = await startRig({ metrics: provider.getMeter('test') });
    const client = rig.connect({ refuse: ({ name }) => (name === 'bad' ? 'no' : undefined) });
    client.subscribe('clusters');
    await client.until(() => client.log.length === 1);
    await rig.server.waitAcked(rig.cache.apply({ set: [cluster('a'), cluster('bad')] }));
    await reader.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const values = new Map(
      metrics.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => [`${descriptor.name} ${Object.values(attributes)}`, value]),
      ),
    );
    assert.equal(values.get('sluice.xds.responses clusters'), 4);
    assert.equal(values.get('sluice.xds.resources clusters'), 4);
    assert.equal(values.get('sluice.xds.acks clusters'), 2);
    assert.equal(values.get('sluice.xds.nacks clusters'), 2);
    assert.equal(values.get('sluice.xds.streams delta'), 1);
    assert.ok(values.has('sluice.xds.apply_to_ack_seconds clusters'));
    assert.ok(![...values.keys()].some((key) => key.includes('bad')));
    await provider.shutdown();
  });
});
