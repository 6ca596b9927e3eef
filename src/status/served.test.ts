import assert from 'node:assert/strict';
import { completeModel, type ModelInput } from '../mesh/envoy/testing/model.ts';
import { servedRows } from './served.ts';

const bind = { address: '127.0.0.1', port: 8080, transport: 'tcp' } as const;
const http = { type: 'http', table: 'web' } as const;
const to = (...backends: readonly (readonly [string, number])[]) => ({
  type: 'forward' as const,
  missingStatus: 503 as const,
  backends: backends.map(([backend, weight]) => ({ backend, weight })),
});

function rowsOf(input: ModelInput, refused: readonly string[] = [], most?: number) {
  const model = completeModel(input);
  const routesOf = (table: string) => model.routes.filter((route) => route.table === table);
  return servedRows(model.listeners, routesOf, (name) => refused.includes(name), most);
}

const plain = [{ name: 'l', bind, chains: [{ name: 'c', serverNames: [], handler: http }] }];
const tls = (...serverNames: string[]) => [
  { name: 'l', bind, chains: [{ name: 'c', serverNames, tls: {} as never, handler: http }] },
];

describe('served rows', () => {
  it('come in the order in which routes are tried: exact hosts, wildcards, any; then by precedence', () => {
    const rows = rowsOf({
      listeners: plain,
      routes: [
        { host: '*', action: to(['any', 1]) },
        { host: '*.b.org', action: to(['wild', 1]) },
        { host: 'a.org', action: to(['root', 1]) },
        { host: 'a.org', match: { path: { type: 'prefix', value: '/longer' } }, action: to(['longer', 1]) },
      ],
    });
    assert.deepEqual(
      rows.map((row) => row.to),
      ['longer', 'root', 'wild', 'any'],
    );
  });

  it('say what a match and an action are', () => {
    const rows = rowsOf({
      listeners: plain,
      routes: [
        {
          host: 'a.org',
          match: {
            path: { type: 'exact', value: '/x' },
            method: 'POST',
            headers: [
              { name: 'x', type: 'exact', value: '1' },
              { name: 'y', type: 'regex', value: '.*' },
            ],
            query: [{ name: 'q', type: 'exact', value: '2' }],
          },
          action: to(['v1', 9], ['v2', 1]),
        },
        { host: 'b.org', match: { path: { type: 'regex', value: '/r.*' } }, action: { type: 'respond', status: 404 } },
        {
          host: 'c.org',
          match: { path: { type: 'prefix', value: '/p' } },
          action: { type: 'redirect', scheme: 'https', port: 8443, status: 308 },
        },
        { host: 'd.org', action: to() },
      ],
    });
    assert.deepEqual(
      rows.map(({ match, to: target }) => [match, target]),
      [
        ['POST /x x: 1 y~.* ?q=2', 'v1 (9), v2 (1)'],
        ['~/r.*', 'answers 404'],
        ['/p/*', 'redirects 308 to https, port 8443'],
        ['/*', 'answers 503'],
      ],
    );
    assert.equal(rows[0]?.listener, 'http://127.0.0.1:8080');
    assert.equal(rows[0]?.owner, 'HTTPRoute default/route');
  });

  it('leave out hosts that no handshake leads to', () => {
    const routes = ['a.org', 'x.b.org', 'c.org', '*.org', '*'].map((host) => ({ host, action: to(['s', 1]) }));
    const hosts = (names: string[]) => rowsOf({ listeners: tls(...names), routes }).map((row) => row.host);
    assert.deepEqual(hosts(['a.org', '*.b.org']), ['a.org', 'x.b.org', '*.org', '*']);
    assert.deepEqual(hosts([]), ['a.org', 'c.org', 'x.b.org', '*.org', '*']);
  });

  it('have one row for what is no HTTP, by kind', () => {
    const stream = { type: 'stream', backends: [{ backend: undefined, weight: 1 }] } as const;
    const kinds = rowsOf({
      listeners: [
        { name: '1', bind, chains: [{ name: 'c', serverNames: [], handler: stream }] },
        { name: '2', bind: { ...bind, transport: 'udp' }, chains: [{ name: 'c', serverNames: [], handler: stream }] },
        { name: '3', bind, chains: [{ name: 'c', serverNames: ['a.org', 'b.org'], handler: stream }] },
        { name: '4', bind, chains: [{ name: 'c', serverNames: [], tls: {} as never, handler: stream }] },
      ],
    }).map(({ listener, host, to: target }) => `${listener.split(' 127')[0]} ${host} ${target}`);
    assert.deepEqual(kinds, [
      'TCP * nothing',
      'UDP * nothing',
      'TLS passthrough a.org, b.org nothing',
      'TLS * nothing',
    ]);
  });

  it('name a route table once, however many chains lead to it', () => {
    const chains = ['a.org', 'b.org'].map((name) => ({
      name,
      serverNames: [name],
      tls: {} as never,
      handler: http,
    }));
    const rows = rowsOf({
      listeners: [{ name: 'l', bind, chains }],
      routes: [{ host: 'b.org', action: to(['s', 1]) }],
    });
    assert.equal(rows.length, 1);
  });

  it('give nothing to try on a listener that Envoy refused', () => {
    const routes = [{ host: 'a.org', action: to(['s', 1]) }];
    const [row] = rowsOf({ listeners: plain, routes }, ['l']);
    assert.deepEqual([row?.refused, row?.curl], [true, undefined]);
    const [good] = rowsOf({ listeners: plain, routes });
    assert.equal(good?.refused, undefined);
    assert.match(good?.curl ?? '', /^curl -s /);
  });

  it('stop at the number asked for', () => {
    const routes = ['a.org', 'b.org', 'c.org'].map((host) => ({ host, action: to(['s', 1]) }));
    assert.deepEqual(
      rowsOf({ listeners: plain, routes }, [], 2).map((row) => row.host),
      ['a.org', 'b.org'],
    );
  });

  it('know what they are examples of', () => {
    const features = (input: ModelInput) => rowsOf(input).map((row) => row.features.join());
    const path = (value: string) => ({ match: { path: { type: 'prefix' as const, value } } });
    assert.deepEqual(
      features({
        listeners: plain,
        routes: [
          { host: 'a.org', action: to(['one', 1]) },
          { host: 'b.org', action: to(['one', 1]) },
          { host: 'b.org', ...path('/x'), action: to(['two', 1]) },
          { host: 'c.org', action: to(['one', 1], ['two', 0]) },
          { host: 'd.org', action: to(['one', 1], ['two', 1]) },
          {
            host: 'e.org',
            match: { headers: [{ name: 'x', type: 'exact', value: '1' }] },
            action: to(['one', 1]),
          },
          { host: 'f.org', action: { type: 'redirect', scheme: 'https', status: 301 } },
          { host: 'g.org', match: { method: 'POST' }, action: to(['one', 1]) },
          { host: '*', action: to(['one', 1]) },
        ],
      }),
      ['host', 'path', 'path', 'host', 'split', 'header', 'redirect', '', ''],
    );
    assert.deepEqual(features({ listeners: tls('a.org'), routes: [{ host: 'a.org', action: to(['one', 1]) }] }), [
      'tls',
    ]);
  });
});
