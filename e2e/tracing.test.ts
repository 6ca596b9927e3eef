import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { join } from 'node:path';
import { documents, ingress, service } from './support/kubernetes.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { type Collector, type Span, startCollector } from './support/otlp-collector.ts';
import { startBackend } from './support/proxy-rig.ts';
import { until } from './support/until.ts';

const root = join(import.meta.dirname, '..');

describe('tracing to a real OpenTelemetry Collector', () => {
  let collector: Collector;
  let backend: { server: Server; port: number };
  let seen: IncomingMessage['headers'][] = [];

  before(async function () {
    // Built once for the go.sum that is there: minutes on a machine that has not done it before.
    this.timeout(900_000);
    const printed = execFileSync(process.execPath, [join(root, 'tools/setup-go.mjs')], { encoding: 'utf8' });
    collector = await startCollector(printed.trim().split('\n').at(-1) ?? '');
    backend = await startBackend((request, response) => {
      seen.push(request.headers);
      response.end('hello');
    });
  });
  after(async () => {
    await collector?.stop();
    backend?.server.close();
  });

  for (const protocol of ['grpc', 'http'] as const) {
    describe(`OTLP over ${protocol}`, () => {
      let node: NodeRig;
      let accessLog: string;
      const serviceName = `shop-${protocol}`;

      before(async () => {
        seen = [];
        node = await startNodeRig({
          files: { 'shop.yaml': documents(ingress('shop', 'shop.test', 'web'), service('web', [backend.port])) },
          args: (dir) => {
            accessLog = join(dir, 'access.log');
            return [
              ...['--otlp-endpoint', `http://127.0.0.1:${collector[protocol]}`, '--otlp-protocol', protocol],
              ...['--service-name', serviceName, '--access-log', accessLog],
            ];
          },
        });
      });
      after(() => node?.stop());

      const spansOf = (traceId: string, count: number): Promise<Span[]> =>
        until(
          () => `${count} spans of trace ${traceId} in ${collector.output().slice(-3000)}`,
          () => {
            const spans = collector.spans().filter((span) => span.traceId === traceId);
            return spans.length >= count ? spans : undefined;
          },
        );

      it('starts a trace: the request and the try at the backend, with service, route, upstream and HTTP', async () => {
        assert.equal((await node.get('shop.test', '/cart?item=7', { 'user-agent': 'tester' })).status, 200);
        const given = String(seen.at(-1)?.traceparent);
        const [, traceId = '', parent = '', flags] = given.split('-');
        assert.match(given, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
        assert.equal(flags, '01');
        const spans = await spansOf(traceId, 2);
        const server = spans.find((span) => span.kind === 'Server');
        const client = spans.find((span) => span.kind === 'Client');
        assert.ok(server && client, JSON.stringify(spans));
        assert.equal(server.parentId, '');
        assert.equal(client.parentId, server.id);
        assert.equal(parent, client.id, 'the backend continues from the span of the try');
        assert.equal(server.resource['service.name'], serviceName);
        assert.match(server.attributes['sluice.route'] ?? '', /\S/);
        assert.match(server.attributes['sluice.owner'] ?? '', /Ingress.*default\/shop/);
        assert.equal(server.attributes['http.status_code'], '200');
        assert.equal(server.attributes['http.method'], 'GET');
        assert.match(server.attributes['http.url'] ?? '', /\/cart\?item=7$/);
        assert.equal(server.attributes.user_agent, 'tester');
        assert.equal(server.attributes['server.address'], 'shop.test');
        assert.match(server.attributes.upstream_cluster ?? '', /default.web/);
        assert.match(client.attributes.upstream_cluster ?? '', /default.web/);
        assert.equal(client.attributes.upstream_address, `127.0.0.1:${backend.port}`);
      });

      it('continues the trace that a client started', async () => {
        const traceId = `4bf92f3577b34da6a3ce929d0e0e473${protocol === 'grpc' ? 6 : 7}`;
        const parent = '00f067aa0ba902b7';
        await node.get('shop.test', '/', { traceparent: `00-${traceId}-${parent}-01`, tracestate: 'vendor=1' });
        assert.match(String(seen.at(-1)?.traceparent), new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
        assert.equal(seen.at(-1)?.tracestate, 'vendor=1');
        const server = (await spansOf(traceId, 2)).find((span) => span.parentId === parent);
        assert.equal(server?.kind, 'Server');
      });

      it("leaves a trace alone that its client did not sample, and writes each request's trace id to the access log", async () => {
        const unsampled = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01';
        await node.get('shop.test', '/quiet', { traceparent: `00-${unsampled}-00f067aa0ba902b9-00` });
        assert.match(String(seen.at(-1)?.traceparent), new RegExp(`^00-${unsampled}-[0-9a-f]{16}-00$`));
        await node.get('shop.test', '/loud');
        const loud = String(seen.at(-1)?.traceparent).split('-')[1] ?? '';
        await spansOf(loud, 2);
        assert.deepEqual(
          collector.spans().filter((span) => span.traceId === unsampled),
          [],
        );
        const lines = await until('the access log', () => {
          const text = readFileSync(accessLog, 'utf8');
          return text.includes(loud) && text.includes('/quiet') ? text.trim().split('\n') : undefined;
        });
        const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
        const entry = entries.find(({ path }) => path === '/loud');
        assert.equal(entry?.trace_id, loud);
        assert.equal(entry?.status, 200);
        assert.equal(entry?.method, 'GET');
        assert.equal(entry?.authority, 'shop.test');
        assert.equal(entry?.upstream, `127.0.0.1:${backend.port}`);
        assert.equal(entries.find(({ path }) => path === '/quiet')?.trace_id, unsampled);
      });
    });
  }

  it('--sampling 0 exports none of its own, and still what a client has sampled', async () => {
    await using stack = new AsyncDisposableStack();
    const node = await startNodeRig({
      files: { 'shop.yaml': documents(ingress('shop', 'shop.test', 'web'), service('web', [backend.port])) },
      args: () => [
        ...['--otlp-endpoint', `http://127.0.0.1:${collector.grpc}`, '--sampling', '0'],
        ...['--service-name', 'unsampled'],
      ],
    });
    stack.defer(() => node.stop());
    for (let i = 0; i < 20; i++) {
      await node.get('shop.test', `/${i}`);
      const flags = String(seen.at(-1)?.traceparent ?? '-00')
        .split('-')
        .at(-1);
      assert.equal(flags, '00', 'the backend must not record it either');
    }
    const traceId = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb02';
    await node.get('shop.test', '/', { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    await until('the span that the client wanted', () => collector.spans().some((span) => span.traceId === traceId));
    const own = collector.spans().filter((span) => span.resource['service.name'] === 'unsampled');
    assert.deepEqual([...new Set(own.map((span) => span.traceId))], [traceId]);
  });
});
