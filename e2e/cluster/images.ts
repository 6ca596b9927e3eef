import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type ImageConfig, writeImage } from '../../tools/oci/archive.ts';
import type { Binaries } from './binaries.ts';
import { cacheDir } from './go-build.ts';
import { entering } from './namespaces.ts';
import { containerdSocket, pauseImage } from './node-components.ts';
import type { Progress } from './progress.ts';
import { nodeName, nodeNumbers, type Settings } from './settings.ts';
import { run } from './shell.ts';

export const dnsImage = 'testbed.sluice.dev/coredns:1';
/** A server that says who it is, with two clients for `kubectl exec`: go/testserver. */
export const testserverImage = 'testbed.sluice.dev/testserver:1';

/** Archives of the images that every node has, packed where they are not there yet. */
export async function ensureImages(binaries: Binaries, progress: Progress): Promise<string[]> {
  const { coredns, testserver } = binaries;
  return Promise.all([
    ensurePause(progress),
    programImage(testserverImage, testserver, { Entrypoint: ['/testserver'], Cmd: ['serve'] }, progress),
    programImage(dnsImage, coredns, { Entrypoint: ['/coredns'] }, progress),
  ]);
}

async function ensurePause(progress: Progress): Promise<string> {
  const source = join(import.meta.dirname, 'images/pause.c');
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const program = join(cacheDir(), 'pause', hash, 'pause');
  if (!existsSync(program)) {
    mkdirSync(dirname(program), { recursive: true });
    const fresh = `${program}.${process.pid}`;
    await run(['cc', '-Os', '-static', '-s', '-Wall', '-Werror', '-o', fresh, source]);
    renameSync(fresh, program);
  }
  return programImage(pauseImage, program, { Entrypoint: ['/pause'] }, progress);
}

/** An image with one static program, beside the program in the cache: that directory's name says what it is made of. */
async function programImage(
  reference: string,
  program: string,
  config: ImageConfig,
  progress: Progress,
): Promise<string> {
  const name = basename(program);
  const archive = `${program}.tar`;
  if (existsSync(archive)) return archive;
  const entries = [
    { path: `/${name}`, type: 'file', mode: 0o755, content: { from: program } },
    { path: '/etc/passwd', type: 'file', content: 'root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n' },
  ] as const;
  await progress.step(`image ${reference}`, () =>
    writeImage({ reference, layers: [{ name, entries }], config }, archive),
  );
  return archive;
}

/** Imports an image archive (OCI, or of `docker save`) into a node. */
export async function loadImage(testbed: string, number: number, ctr: string, archive: string): Promise<void> {
  // The archive may lie where the node sees nothing: it is handed over as standard input.
  const import_ = [ctr, '--address', containerdSocket, '--namespace', 'k8s.io', 'images', 'import', '-'];
  const inNode = entering({ name: testbed, member: nodeName(number), scope: 'all' }, import_);
  await run(['sh', '-c', 'exec "$@" < "$0"', archive, ...inNode], {
    title: `import of ${archive} into ${nodeName(number)}`,
  });
}

export async function loadImageEverywhere(settings: Settings, ctr: string, archive: string): Promise<void> {
  await Promise.all(nodeNumbers(settings).map((number) => loadImage(settings.name, number, ctr, archive)));
}
