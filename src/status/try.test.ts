import assert from 'node:assert/strict';
import type { Feature, ServedRow } from './served.ts';
import { trials } from './try.ts';

const row = (feature: Feature | undefined, rest: Partial<ServedRow> = {}): ServedRow => ({
  listener: 'http://127.0.0.1:8080',
  host: `${feature}.localhost`,
  match: '/*',
  to: 'default/s:80',
  owner: '',
  features: feature === undefined ? [] : [feature],
  curl: `curl -s http://${feature}.localhost:8080/`,
  ...rest,
});

describe('commands to try', () => {
  it('are one for each thing that there is, in a fixed order', () => {
    const features: Feature[] = ['header', 'split', 'redirect', 'tls', 'host', 'path'];
    const found = trials(
      [...features, ...features].map((feature) => row(feature)),
      { echo: true },
    );
    assert.deepEqual(
      found.map(({ title }) => title.replace(/ \(.*/, '')),
      [
        ...['Path routing', 'Host routing', 'TLS termination', 'HTTP redirected to HTTPS', 'Weighted split'],
        ...['Routing by header', 'W3C trace context'],
      ],
    );
  });

  it('show both ways where paths fork', () => {
    const rows = [
      row('path', { match: '/a/*', curl: 'curl -s http://path.localhost:8080/a' }),
      row('path', { curl: 'curl -s http://path.localhost:8080/' }),
      row('path', { host: 'other.localhost', curl: 'curl -s http://other.localhost:8080/' }),
    ];
    assert.deepEqual(trials(rows, { echo: false })[0], {
      title: 'Path routing (/a/* goes to default/s:80)',
      commands: ['curl -s http://path.localhost:8080/a', 'curl -s http://path.localhost:8080/'],
    });
  });

  it('count a split, and look for what arrived, only where backends say who they are', () => {
    const commands = (echo: boolean) => trials([row('split')], { echo }).flatMap((trial) => trial.commands);
    const header = "-H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'";
    assert.deepEqual(commands(true), [
      `curl -s 'http://split.localhost:8080/?[1-20]' | grep '"pod"' | sort | uniq -c`,
      `curl -s ${header} http://split.localhost:8080/ | grep traceparent`,
    ]);
    assert.deepEqual(commands(false), [
      "curl -s 'http://split.localhost:8080/?[1-20]'",
      `curl -s ${header} http://split.localhost:8080/`,
    ]);
  });

  it('show something where nothing is special, and nothing where nothing can be tried', () => {
    const { curl, ...without } = row('host');
    assert.deepEqual(trials([row(undefined)], { echo: false }), [
      { title: 'undefined.localhost /*', commands: ['curl -s http://undefined.localhost:8080/'] },
    ]);
    assert.ok(curl);
    assert.deepEqual(trials([without], { echo: true }), []);
    assert.deepEqual(trials([], { echo: true }), []);
  });
});
