import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { documents, ingress, service, tlsSecret } from './support/kubernetes.ts';
import { type NodeRig, startNodeRig } from './support/node-rig.ts';
import { type Prober, startProber } from './support/prober.ts';
import { startBackend } from './support/proxy-rig.ts';
import { until } from './support/until.ts';
import { ask, certificate } from './support/xds-rig.ts';

// A comparison of 10,000 diagnostics that fails takes gigabytes to print.
const FEW = 10;

interface BadInput {
  readonly what: string;
  readonly name: string;
  readonly text: string | Buffer;
  readonly reason: string;
  readonly message?: RegExp;
  /** `line:column` of the diagnostic. */
  readonly at: string;
}

const laughs = (indent: string): string =>
  [...'bcdefghi']
    .map((name, i) => `${indent}${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]\n`)
    .join('');

const gateway = (listeners: string): string => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bad}
spec:
  gatewayClassName: cilium
  listeners:
${listeners}`;

const secretOf = (name: string) => ({ extra: `  tls: [{hosts: [bad.test], secretName: ${name}}]` });

const cases: readonly BadInput[] = [
  {
    what: 'duplicate listeners',
    name: 'gateway.yaml',
    text: gateway('  - {name: a, port: 18099, protocol: HTTP}\n  - {name: b, port: 18099, protocol: HTTP}\n'),
    reason: 'DuplicateValue',
    message: /port, protocol and hostname of listener a/,
    at: '8:5',
  },
  {
    what: 'a missing Secret',
    name: 'missing-secret.yaml',
    text: ingress('bad', 'bad.test', 'web', secretOf('nowhere')),
    reason: 'SecretNotFound',
    at: '7:41',
  },
  {
    what: 'a malformed certificate',
    name: 'certificate.yaml',
    text: documents(
      ingress('bad', 'bad.test', 'web', secretOf('broken')),
      tlsSecret('broken', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'no key'),
    ),
    reason: 'InvalidCertificate',
    at: '7:41',
  },
  {
    what: 'a dangling Service',
    name: 'service.yaml',
    text: ingress('bad', 'bad.test', 'nowhere'),
    reason: 'ServiceNotFound',
    at: '14:19',
  },
  {
    what: 'a regular expression that RE2 refuses',
    name: 'regex.yaml',
    text: ingress('bad', 'bad.test', 'web', { path: '/a(?=b)', pathType: 'ImplementationSpecific' }),
    reason: 'InvalidRegex',
    message: /Perl syntax/,
    at: '12:15',
  },
  {
    what: 'a megabyte of annotations',
    name: 'annotations.yaml',
    text: ingress('bad', 'bad.test', 'web', { metadata: `annotations: {note: "${'x'.repeat(1 << 20)}"}` }),
    reason: 'TooLarge',
    at: '4:23',
  },
  {
    what: 'an alias bomb',
    name: 'laughs.yaml',
    text: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata:\n  a: &a [x, x, x, x, x, x, x, x, x]\n${laughs('  ')}`,
    reason: 'TooLarge',
    message: /more than 200000 values/,
    at: '1:1',
  },
  {
    what: 'deep nesting',
    name: 'deep.yaml',
    text: `a: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n`,
    reason: 'InvalidYaml',
    message: /nesting/,
    at: '1:103',
  },
  {
    what: 'a huge scalar',
    name: 'scalar.yaml',
    text: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {a: "${'x'.repeat(20 << 20)}"}\n`,
    reason: 'TooLarge',
    at: '1:1',
  },
  {
    what: 'a huge file',
    name: 'large.yaml',
    text: Buffer.alloc(33 << 20, 'x'),
    reason: 'TooLarge',
    message: /MiB/,
    at: '1:1',
  },
  {
    what: 'wrong types',
    name: 'types.yaml',
    text: ingress('bad', 'bad.test', 'web').replace('ingressClassName: cilium', 'ingressClassName: 7'),
    reason: 'WrongType',
    message: /ingressClassName is 7, not a string/,
    at: '6:21',
  },
  {
    what: 'binary garbage',
    name: 'garbage.yaml',
    text: Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7919) & 0xff)),
    reason: 'NotText',
    at: '1:1',
  },
  {
    what: 'an Envoy field that does not exist',
    name: 'cec.yaml',
    text: `apiVersion: cilium.io/v2
kind: CiliumEnvoyConfig
metadata: {name: bad}
spec:
  resources:
  - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
    name: x
    nonsense: 1
`,
    reason: 'UnknownField',
    message: /nonsense/,
    at: '8:15',
  },
];

describe('sluice run: bad input', () => {
  let node: NodeRig;
  let backend: { server: Server; port: number };
  let prober: Prober;

  before(async () => {
    backend = await startBackend((_, response) => response.end('hello'));
    node = await startNodeRig({
      files: {
        'good.yaml': documents(
          ingress('good', 'good.test', 'web', { extra: '  tls: [{hosts: [secure.test], secretName: good}]' }),
          service('web', [backend.port]),
        ),
      },
    });
    const good = certificate(join(node.dir, 'certificates'), 'secure.test');
    node.write('secret.yaml', tlsSecret('good', good.cert, good.key));
    await node.served('good.test');
  });
  beforeEach(() => {
    prober = startProber(node.ports.http, 'good.test');
  });
  afterEach(async () => {
    await prober.passes(20);
    assert.deepEqual((await prober.stop()).failures, [], 'the good route goes on');
  });
  after(async () => {
    await node?.stop();
    backend?.server.close();
  });

  for (const { what, name, text, reason, message, at } of cases) {
    it(`${what}: told with file, line and column, until it is mended`, async () => {
      writeFileSync(join(node.folder, name), text);
      try {
        const { location } = await node.diagnosed(reason, message);
        assert.ok(location);
        assert.deepEqual([location.file, `${location.line}:${location.column}`], [join(node.folder, name), at]);
        await prober.passes(10);
      } finally {
        rmSync(join(node.folder, name));
      }
      await node.resolved(reason);
      assert.deepEqual((await node.status()).diagnostics.slice(0, FEW), []);
    });
  }

  it('names that are no files: links to nowhere, loops of links, pipes, sockets, devices, folders', async () => {
    const at = (name: string) => join(node.folder, name);
    symlinkSync('nowhere.yaml', at('dangling.yaml'));
    symlinkSync('loop-b.yaml', at('loop-a.yaml'));
    symlinkSync('loop-a.yaml', at('loop-b.yaml'));
    symlinkSync('/dev/zero', at('device.yaml'));
    execFileSync('mkfifo', [at('pipe.yaml')]);
    const server = createServer().listen(at('socket.yaml'));
    mkdirSync(at('folder.yaml'));
    symlinkSync('..', at('folder.yaml/up'));
    node.write('folder.yaml/inside.yaml', ingress('inside', 'inside.test', 'web'));
    await node.served('inside.test');
    for (const [reason, file] of [
      ['DanglingLink', 'dangling.yaml'],
      ['Unreadable', 'loop-a.yaml'],
      ['Unreadable', 'loop-b.yaml'],
      ['NotAFile', 'device.yaml'],
      ['NotAFile', 'pipe.yaml'],
      ['NotAFile', 'socket.yaml'],
    ] as const) {
      const { location } = await node.diagnosed(reason, new RegExp(`/${file} `));
      assert.deepEqual(location, { file: at(file), line: 1, column: 1 });
      rmSync(at(file));
    }
    server.close();
    rmSync(at('folder.yaml'), { recursive: true });
    await node.served('inside.test', 404);
    for (const reason of ['DanglingLink', 'Unreadable', 'NotAFile']) await node.resolved(reason);
    assert.deepEqual((await node.status()).diagnostics.slice(0, FEW), []);
  });

  it('10,000 bad objects, and a good one among them', async () => {
    const bad = (i: number) =>
      `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: bad-${i}}\nspec: {rules: {host: bad}}\n`;
    const all = Array.from({ length: 10_000 }, (_, i) => bad(i));
    node.write(
      'many.yaml',
      documents(...all.slice(0, 5000), ingress('among', 'among.test', 'web'), ...all.slice(5000)),
    );
    await node.served('among.test');
    await node.diagnosed('WrongType');
    const { diagnostics, sources } = await node.status();
    assert.equal(diagnostics.filter(({ reason }) => reason === 'WrongType').length, 10_000);
    assert.equal(sources[0]?.stats.bad, 10_000);
    // A log that is read by people has the first of them and a count, once the burst is over.
    await until('a count of diagnostics in the log', () => /and 99\d\d more diagnostics/.test(node.program.stderr()));
    assert.ok(node.program.stderr().split('"reason":"WrongType"').length < 200);
    node.remove('many.yaml');
    await node.resolved('WrongType');
    await node.served('among.test', 404);
  });

  it('files that vanish while they are read', async () => {
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 25; i++)
        writeFileSync(join(node.folder, `ghost-${i}.yaml`), ingress(`ghost-${i}`, `ghost-${i}.test`, 'web'));
      if (round % 4 === 0) await prober.passes(1);
      for (let i = 0; i < 25; i++) rmSync(join(node.folder, `ghost-${i}.yaml`));
    }
    node.write('last.yaml', ingress('last', 'last.test', 'web'));
    await node.served('last.test');
    for (let i = 0; i < 25; i++) await node.served(`ghost-${i}.test`, 404);
    node.remove('last.yaml');
    await node.served('last.test', 404);
    assert.deepEqual((await node.status()).diagnostics.slice(0, FEW), []);
    assert.ok(node.program.alive());
  });

  it('a bad Secret, regular expression or CiliumEnvoyConfig touches its own route only', async () => {
    const mixed = (path: string, secret: string) =>
      documents(
        ingress('tls-bad', 'broken.test', 'web', { extra: `  tls: [{hosts: [broken.test], secretName: ${secret}}]` }),
        ingress('paths', 'paths.test', 'web', { path: '/ok' }),
        ingress('paths-too', 'paths.test', 'web', { path, pathType: 'ImplementationSpecific' }),
        cases.find(({ name }) => name === 'cec.yaml')?.text.toString() ?? '',
      );
    node.write('mixed.yaml', mixed('/a(?=b)', 'broken'));
    node.write('broken.yaml', tlsSecret('broken', 'no certificate', 'no key'));
    for (const reason of ['InvalidCertificate', 'InvalidRegex', 'UnknownField']) await node.diagnosed(reason);
    await node.served('paths.test', 200, '/ok');
    await node.served('paths.test', 404, '/a');
    const secure = await ask(node.ports.https, 'secure.test');
    assert.equal(secure.certificate, 'secure.test');
    node.write('mixed.yaml', mixed('/a[b]', 'good'));
    await node.served('paths.test', 200, '/ab');
    node.remove('mixed.yaml');
    node.remove('broken.yaml');
    await node.served('paths.test', 404, '/ok');
    assert.deepEqual((await node.status()).diagnostics.slice(0, FEW), []);
  });
});
