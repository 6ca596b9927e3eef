import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type ImageSpec, writeImage } from './archive.ts';
import { importedPackages } from './packages.ts';
import { type Entry, tar } from './tar.ts';

const concat = (entries: Iterable<Entry>) => Buffer.concat([...tar(entries)]);

describe('tar', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-tar-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is what tar reads: modes, links, names of any length, bytes as they were', () => {
    const long = `/${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}/${'g'.repeat(120)}`;
    const middle = `/${'d'.repeat(90)}/${'n'.repeat(80)}`;
    const bytes = Buffer.from([0, 1, 255, 10]);
    writeFileSync(
      join(dir, 'a.tar'),
      concat([
        { path: long, type: 'file', content: 'long' },
        { path: middle, type: 'file', mode: 0o600, content: bytes },
        { path: '/bin/tool', type: 'link', target: `../${'t'.repeat(150)}` },
        { path: '/tmp', type: 'directory', mode: 0o1777 },
      ]),
    );
    const read = (...args: string[]) => execFileSync('tar', [...args, '-f', join(dir, 'a.tar')]);
    assert.equal(read('-xO', `${long.slice(1)}`).toString(), 'long');
    assert.deepEqual(read('-xO', `${middle.slice(1)}`), bytes);
    const listed = read('-tv').toString();
    assert.match(listed, /^drwxrwxrwt root\/root .* tmp\/$/m);
    assert.match(listed, /^-rw------- root\/root .*n{80}$/m);
    assert.match(listed, /bin\/tool -> \.\.\/t{150}$/m);
  });

  it('depends on the entries alone, not on their order; every size is padded to whole blocks', () => {
    const name = fc.stringMatching(/^[a-z0-9._-]{1,130}$/).filter((each) => !/^\.+$/.test(each));
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
    const file = fc.record({ path, content: fc.uint8Array({ maxLength: 1100 }) });
    fc.assert(
      fc.property(fc.uniqueArray(file, { selector: (each) => each.path, maxLength: 6 }), (files) => {
        const entries = files
          .filter((each) => !files.some((other) => other.path.startsWith(`${each.path}/`)))
          .map((each): Entry => ({ type: 'file', ...each }));
        const forth = concat(entries);
        assert.deepEqual(concat(entries.toReversed()), forth);
        assert.equal(forth.length % 512, 0);
        // What tar unpacks is what was put in.
        const archive = join(dir, 'p.tar');
        writeFileSync(archive, forth);
        for (const entry of entries.slice(0, 1)) {
          assert.ok(entry.type === 'file' && entry.content instanceof Uint8Array);
          const read = execFileSync('tar', ['-xOf', archive, '--', entry.path.slice(1)]);
          assert.deepEqual(new Uint8Array(read), new Uint8Array(entry.content));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('refuses a path twice, a path below a file, and a path that is not absolute', () => {
    const file = (path: string): Entry => ({ path, type: 'file', content: '' });
    assert.throws(() => concat([file('/a'), file('/a')]), /twice/);
    assert.throws(() => concat([file('/a'), file('/a/b')]), /below \/a, which is a file/);
    assert.throws(() => concat([file('a')]), /no absolute path/);
  });
});

describe('OCI archive', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-oci-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const spec: ImageSpec = {
    reference: 'sluice:test',
    config: { Entrypoint: ['/a'], User: '65532:65532' },
    layers: [
      { name: 'one', entries: [{ path: '/a', type: 'file', mode: 0o755, content: 'a' }] },
      { name: 'two', entries: [{ path: '/b', type: 'file', content: 'b'.repeat(20_000) }] },
    ],
  };
  const file = (archive: string, name: string) => execFileSync('tar', ['-xOf', archive, name], { maxBuffer: 1 << 26 });
  const json = (archive: string, digest: string) => JSON.parse(file(archive, blob(digest)).toString());
  const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;
  const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

  for (const compression of ['none', 'gzip'] as const)
    it(`holds together (${compression}): every digest and size is that of its blob, every diff id that of the plain layer`, () => {
      const image = writeImage({ ...spec, compression }, join(dir, 'i.tar'));
      const index = JSON.parse(file(image.path, 'index.json').toString());
      assert.equal(index.manifests[0].digest, image.digest);
      assert.equal(index.manifests[0].annotations['io.containerd.image.name'], 'docker.io/library/sluice:test');
      const manifest = json(image.path, image.digest);
      for (const { digest, size } of [manifest.config, ...manifest.layers]) {
        const bytes = file(image.path, blob(digest));
        assert.equal(sha256(bytes), digest);
        assert.equal(bytes.length, size);
      }
      const config = json(image.path, manifest.config.digest);
      assert.deepEqual(config.config, spec.config);
      const unpacked = manifest.layers.map(({ digest }: { digest: string }) => {
        const bytes = file(image.path, blob(digest));
        return sha256(compression === 'gzip' ? execFileSync('gzip', ['-dc'], { input: bytes }) : bytes);
      });
      assert.deepEqual(config.rootfs.diff_ids, unpacked);
    });

  it('is the same for the same input, byte by byte', () => {
    const [first, second] = ['1', '2'].map((name) => readFileSync(writeImage(spec, join(dir, name)).path));
    assert.ok(first?.equals(second as Buffer));
  });

  it('names a registry as it is given', () => {
    const { path } = writeImage({ ...spec, reference: 'ghcr.io/o/sluice:1' }, join(dir, 'r.tar'));
    const index = JSON.parse(file(path, 'index.json').toString());
    assert.equal(index.manifests[0].annotations['io.containerd.image.name'], 'ghcr.io/o/sluice:1');
  });
});

describe('imported packages', () => {
  it('finds every form of import, and no module of Node itself', () => {
    const text = `import { a } from 'commander';\nimport '@grpc/grpc-js/x.js';export * from "re2js";\nconst b = await import('pino');
      import x from './own.js'; import y from 'node:fs'; const z = require('fs'); const q = require("koffi");`;
    assert.deepEqual([...importedPackages([text])].sort(), ['@grpc/grpc-js', 'commander', 'koffi', 'pino', 're2js']);
  });
});
