import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeImage } from '../../../tools/oci/archive.ts';
import { imagesNamedIn, type Suite } from './module.ts';

/**
 * Archives of the images that the suite's manifests name, under their names: no registry is asked. `coredns` is any CoreDNS
 * that is at hand: it is a backend that answers DNS, no more.
 */
export function packImages(suite: Suite, coredns: string, cache: string): string[] {
  return imagesNamedIn(suite).map((reference) => {
    const program = reference.includes('/coredns:')
      ? coredns
      : /\/echo-basic:[^/]+$/.test(reference)
        ? suite.echo
        : undefined;
    if (program === undefined) throw new Error(`the suite's manifests name ${reference}, which nothing here makes`);
    const out = join(cache, `${reference.replaceAll(/[^\w.-]/g, '_')}-${basename(program)}.tar`);
    if (existsSync(out)) return out;
    // The path is that of the real image: manifests may name it as their command.
    const path = reference.includes('/coredns:') ? '/coredns' : '/echo-basic';
    const entries = [{ path, type: 'file', mode: 0o755, content: { from: program } }] as const;
    return writeImage({ reference, layers: [{ name: basename(path), entries }], config: { Entrypoint: [path] } }, out)
      .path;
  });
}
