import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { completeRoute, type RouteInput } from '../mesh/envoy/testing/model.ts';
import { curlFor, quote } from './curl.ts';

const forward = { type: 'forward', missingStatus: 503, backends: [{ backend: 's', weight: 1 }] } as const;
const bind = { address: '127.0.0.1', port: 8080, transport: 'tcp' } as const;
const curl = (
  route: Partial<RouteInput>,
  at: { scheme?: 'http' | 'https'; address?: string; port?: number; names?: string[] } = {},
) =>
  curlFor(
    at.scheme ?? 'http',
    { ...bind, address: at.address ?? bind.address, port: at.port ?? bind.port },
    completeRoute({ action: forward, ...route }, 0),
    at.names ?? [],
  );

describe('curl commands', () => {
  it('ask for the host of the route', () => {
    assert.equal(curl({ host: 'a.localhost' }), 'curl -s http://a.localhost:8080/');
    assert.equal(curl({ host: '*' }), 'curl -s http://127.0.0.1:8080/');
    assert.equal(curl({ host: 'a.org' }), 'curl -s --resolve a.org:8080:127.0.0.1 http://a.org:8080/');
    assert.equal(curl({ host: '*.localhost' }), 'curl -s http://www.localhost:8080/');
    assert.equal(
      curl({ host: 'a.localhost' }, { address: '127.0.0.2' }),
      'curl -s --resolve a.localhost:8080:127.0.0.2 http://a.localhost:8080/',
    );
    assert.equal(curl({ host: '*' }, { address: '::1' }), "curl -s 'http://[::1]:8080/'");
    assert.equal(
      curl({ host: 'a.org' }, { address: '::1' }),
      "curl -s --resolve 'a.org:8080:[::1]' http://a.org:8080/",
    );
  });

  it('take the certificate as it is, and a server name where the route has no host', () => {
    assert.equal(curl({ host: 'a.localhost' }, { scheme: 'https' }), 'curl -s -k https://a.localhost:8080/');
    assert.equal(
      curl({ host: '*' }, { scheme: 'https', names: ['*.b.localhost'] }),
      'curl -s -k https://www.b.localhost:8080/',
    );
  });

  it('match what the route matches', () => {
    const match: RouteInput['match'] = {
      path: { type: 'exact', value: '/a/b' },
      method: 'DELETE',
      headers: [
        { name: 'x', type: 'exact', value: "it's" },
        { name: 'empty', type: 'exact', value: '' },
      ],
      query: [{ name: 'q', type: 'exact', value: 'a b&c' }],
    };
    assert.equal(
      curl({ host: '*', match }),
      `curl -s -X DELETE -H 'x: it'\\''s' -H 'empty;' 'http://127.0.0.1:8080/a/b?q=a%20b%26c'`,
    );
    assert.equal(curl({ match: { method: 'HEAD' } }), 'curl -s -I http://127.0.0.1:8080/');
    assert.equal(
      curl({ action: { type: 'redirect', status: 301, scheme: 'https' } }),
      'curl -s -i http://127.0.0.1:8080/',
    );
  });

  it('are not given where what matches would have to be invented, or would be changed on the way', () => {
    const none: Partial<RouteInput>[] = [
      { match: { path: { type: 'regex', value: '/.*' } } },
      { match: { headers: [{ name: 'x', type: 'regex', value: '.' }] } },
      { match: { query: [{ name: 'x', type: 'regex', value: '.' }] } },
      { match: { grpc: true } },
      { action: { type: 'respond', status: 404 } },
      ...['/a b', '/a/../b', '/.', '/a?b', '/a#b', '/[a]', '/{a,b}', '/ü'].map((value) => ({
        match: { path: { type: 'exact' as const, value } },
      })),
    ];
    for (const route of none) assert.equal(curl(route), undefined, JSON.stringify(route));
  });

  it('survive the shell: every word arrives as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary-ascii' }), { minLength: 1, maxLength: 20 }), (given) => {
        const words = given.map((word) => word.replaceAll('\0', ''));
        const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`], {
          encoding: 'utf8',
        });
        assert.deepEqual(stdout.split('\0').slice(0, -1), words);
      }),
      { numRuns: 50 },
    );
  });
});
