// `npm run image`: packs Sluice's image as an OCI archive. `--rootfs DIR` writes the files of each layer into a folder instead,
// which is what the Containerfile copies.
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ImageSpec, writeImage } from './oci/archive.ts';
import { root, sluiceImage } from './oci/sluice-image.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, '.cache/image/sluice.tar') },
    tag: { type: 'string', default: 'sluice:dev' },
    gzip: { type: 'boolean', default: false },
    rootfs: { type: 'string' },
  },
});

const started = performance.now();
const spec = sluiceImage({ reference: values.tag, compression: values.gzip ? 'gzip' : 'none' });
if (values.rootfs !== undefined) unpack(spec, values.rootfs);
else {
  const { path, reference, size, digest, layers } = writeImage(spec, values.out);
  const mib = (bytes: number) => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  for (const layer of layers) console.log(`${layer.name.padEnd(9)} ${mib(layer.size).padStart(10)}  ${layer.digest}`);
  console.log(`${reference} ${mib(size)} ${digest} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  console.log(path);
}

function unpack({ layers }: ImageSpec, target: string): void {
  for (const { name, entries } of layers)
    for (const entry of entries) {
      const path = join(target, name, entry.path);
      mkdirSync(entry.type === 'directory' ? path : dirname(path), { recursive: true });
      if (entry.type === 'directory') chmodSync(path, entry.mode ?? 0o755);
      else if (entry.type === 'link') symlinkSync(entry.target, path);
      else {
        const { content, mode = 0o644 } = entry;
        if (typeof content === 'object' && 'from' in content) copyFileSync(content.from, path);
        else writeFileSync(path, content);
        chmodSync(path, mode);
      }
    }
}
