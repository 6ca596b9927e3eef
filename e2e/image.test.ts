import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageSpec, type PackedImage, writeImage } from '../tools/oci/archive.ts';
import { root, sluiceImage } from '../tools/oci/sluice-image.ts';
import { temporaryDir } from './support/proxy-rig.ts';

describe('image', () => {
  let dir: ReturnType<typeof temporaryDir>;
  let image: PackedImage;
  let spec: ImageSpec;
  let rootfs: string;

  before(() => {
    dir = temporaryDir();
    spec = sluiceImage();
    image = writeImage(spec, join(dir.path, 'sluice.tar'));
    rootfs = join(dir.path, 'rootfs');
    mkdirSync(rootfs);
    for (const { digest } of image.layers) {
      const layer = execFileSync('tar', ['-xOf', image.path, `blobs/${digest.replace(':', '/')}`], {
        maxBuffer: 1 << 28,
      });
      execFileSync('tar', ['-xC', rootfs], { input: layer });
    }
  });
  after(() => dir[Symbol.dispose]());

  /** In the image's files and nothing else, as a container runs it; a user namespace, so that it needs no root. */
  const inside = (...command: string[]) =>
    execFileSync('unshare', ['--user', '--map-root-user', '--root', rootfs, ...command], {
      encoding: 'utf8',
      env: Object.fromEntries((spec.config.Env ?? []).map((pair) => pair.split(/=(.*)/s).slice(0, 2))),
    });

  it('runs sluice and Envoy with the libraries that it brings', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    assert.equal(inside('/usr/local/bin/sluice', '--version').trim(), version);
    assert.equal(inside(...(spec.config.Entrypoint ?? []), '--version').trim(), version);
    assert.match(inside('/usr/local/bin/envoy', '--version'), /version: .*RELEASE/);
  });

  it('has every package that the commands import: they translate and check objects', () => {
    execFileSync('cp', ['-r', join(root, 'examples/quickstart'), join(rootfs, 'tmp')]);
    assert.match(inside('/usr/local/bin/sluice', 'translate', '/tmp/quickstart'), /^LISTENER /);
    assert.match(
      inside('/usr/local/bin/sluice', 'translate', '/tmp/quickstart', '-o', 'cec'),
      /kind: CiliumEnvoyConfig/,
    );
  });

  it('has what the datapath needs: the CNI plugin, which runs anywhere, the programs, and libbpf', () => {
    assert.match(
      inside('/usr/local/bin/sluice', 'install-cni', '--bin-dir', '/tmp/bin'),
      /\/tmp\/bin: installed sluice-cni, loopback/,
    );
    const plugin = execFileSync(join(rootfs, 'tmp/bin/sluice-cni'), {
      env: { CNI_COMMAND: 'VERSION' },
      encoding: 'utf8',
    });
    assert.match(plugin, /"supportedVersions"/);
    for (const path of ['usr/lib/sluice/bpf/from-pod.bpf.o', 'lib/x86_64-linux-gnu/libbpf.so.1'])
      assert.ok(existsSync(join(rootfs, path)), path);
  });

  it('is the same image when it is packed again', () => {
    const again = writeImage(sluiceImage(), join(dir.path, 'again.tar'));
    assert.equal(again.digest, image.digest);
    execFileSync('cmp', [image.path, again.path]);
  });

  it('is what the Containerfile says', () => {
    const text = readFileSync(join(root, 'Containerfile'), 'utf8').replaceAll(/\\\n\s*/g, ' ');
    const last = text.slice(text.lastIndexOf('\nFROM '));
    const { config, layers } = spec;
    const words = (instruction: string) => new RegExp(`^${instruction} (.+)$`, 'm').exec(last)?.[1] ?? '';
    assert.deepEqual(words('ENV').split(/\s+/), config.Env);
    assert.equal(words('USER'), config.User);
    assert.equal(words('WORKDIR'), config.WorkingDir);
    assert.deepEqual(JSON.parse(words('ENTRYPOINT')), config.Entrypoint);
    assert.deepEqual(JSON.parse(words('CMD')), config.Cmd);
    const copied = [...last.matchAll(/^COPY --from=build \/rootfs\/(\w+) \/$/gm)].map(([, name]) => name);
    assert.deepEqual(
      copied,
      layers.map(({ name }) => name),
    );
  });
});
