import { join } from 'node:path';
import { type PackedImage, writeImage } from '../../tools/oci/archive.ts';
import { root, sluiceImage } from '../../tools/oci/sluice-image.ts';

let packed: PackedImage | undefined;

/** The image `sluice:dev` of what is built now, packed once in a process. */
export function sluiceImageArchive(): PackedImage {
  packed ??= writeImage(sluiceImage(), join(root, `.cache/image/test-${process.pid}.tar`));
  return packed;
}
