import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type PackedImage, writeImage } from '../../tools/oci/archive.ts';
import { root, sluiceImage } from '../../tools/oci/sluice-image.ts';

let packed: PackedImage | undefined;

/** The image `sluice:dev` of what is built now, packed once in a process and removed at its end. */
export function sluiceImageArchive(): PackedImage {
  if (packed === undefined) {
    const path = join(root, `.cache/image/test-${process.pid}.tar`);
    process.once('exit', () => rmSync(path, { force: true }));
    packed = writeImage(sluiceImage(), path);
  }
  return packed;
}
