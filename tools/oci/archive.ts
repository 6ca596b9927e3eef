// An image as an OCI archive (https://github.com/opencontainers/image-spec, v1.1): what `ctr images import`, `podman load`,
// `skopeo copy oci-archive:` and `docker load` take. No engine is needed to make one.
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { type Entry, tar } from './tar.ts';

export interface Layer {
  /** For the image's history: `node`. */
  readonly name: string;
  readonly entries: readonly Entry[];
}

export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface ImageSpec {
  /** `sluice:dev`. */
  readonly reference: string;
  /** From the one that changes least to the one that changes most. */
  readonly layers: readonly Layer[];
  readonly config: ImageConfig;
  /** gzip halves the size and takes ten times as long. */
  readonly compression?: 'none' | 'gzip';
}

export interface PackedImage {
  readonly path: string;
  readonly reference: string;
  /** Of the manifest: what a registry or a node knows the image by. */
  readonly digest: string;
  /** Bytes of the archive. */
  readonly size: number;
  readonly layers: readonly { readonly name: string; readonly size: number; readonly digest: string }[];
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly content: Uint8Array | { readonly from: string };
}

/** Writes the archive to `out` (renamed into place). The same input gives the same bytes. */
export function writeImage(spec: ImageSpec, out: string): PackedImage {
  const path = resolve(out);
  mkdirSync(dirname(path), { recursive: true });
  const work = mkdtempSync(join(dirname(path), '.image-'));
  try {
    const layers = spec.layers.map((layer, i) => writeLayer(layer, spec.compression ?? 'none', join(work, `${i}`)));
    const config = json({
      architecture: 'amd64',
      os: 'linux',
      config: spec.config,
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
      history: spec.layers.map(({ name }) => ({ created_by: `sluice image: ${name}` })),
    });
    const manifest = json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => descriptor(layer.mediaType, layer.blob)),
    });
    const index = json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest),
          platform: { architecture: 'amd64', os: 'linux' },
          annotations: {
            'org.opencontainers.image.ref.name': spec.reference,
            'io.containerd.image.name': fullName(spec.reference),
          },
        },
      ],
    });
    const blobs = new Map([config, manifest, ...layers.map(({ blob }) => blob)].map((blob) => [blob.digest, blob]));
    const file = (name: string, { content }: Pick<Blob, 'content'>): Entry => ({ path: name, type: 'file', content });
    const fresh = join(work, 'archive');
    const written = writeTar(fresh, [
      file('/oci-layout', json({ imageLayoutVersion: '1.0.0' })),
      file('/index.json', index),
      ...[...blobs.values()].map((blob) => file(`/blobs/${blob.digest.replace(':', '/')}`, blob)),
    ]);
    renameSync(fresh, path);
    return {
      path,
      reference: spec.reference,
      digest: manifest.digest,
      size: written.size,
      layers: spec.layers.map(({ name }, i) => {
        const { size, digest } = (layers[i] as (typeof layers)[number]).blob;
        return { name, size, digest };
      }),
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function writeLayer(layer: Layer, compression: 'none' | 'gzip', path: string) {
  const { diffId, compressed, size } = writeTar(path, layer.entries, compression);
  const mediaType = `application/vnd.oci.image.layer.v1.tar${compression === 'gzip' ? '+gzip' : ''}`;
  return { diffId, mediaType, blob: { digest: compressed, size, content: { from: path } } };
}

function writeTar(path: string, entries: readonly Entry[], compression: 'none' | 'gzip' = 'none') {
  const plain = createHash('sha256');
  const stored = createHash('sha256');
  const out = openSync(path, 'w');
  const put = (bytes: Uint8Array) => {
    stored.update(bytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(out, bytes, at);
  };
  // A gzip file may have many members: a few MB at a time keeps memory flat, and costs nothing in size.
  let held: Uint8Array[] = [];
  let bytes = 0;
  const flush = () => {
    if (bytes > 0) put(gzipSync(Buffer.concat(held), { level: constants.Z_DEFAULT_COMPRESSION }));
    held = [];
    bytes = 0;
  };
  try {
    for (const chunk of tar(entries)) {
      plain.update(chunk);
      if (compression === 'none') put(chunk);
      else {
        held.push(chunk);
        bytes += chunk.length;
        if (bytes > 8 << 20) flush();
      }
    }
    flush();
  } finally {
    closeSync(out);
  }
  return {
    diffId: `sha256:${plain.digest('hex')}`,
    compressed: `sha256:${stored.digest('hex')}`,
    size: statSync(path).size,
  };
}

function json(value: unknown): Blob {
  const content = Buffer.from(JSON.stringify(value));
  return { digest: `sha256:${createHash('sha256').update(content).digest('hex')}`, size: content.length, content };
}

function descriptor(mediaType: string, { digest, size }: Blob) {
  return { mediaType, digest, size };
}

/** containerd wants the whole name; the kubelet completes a short one in the same way. */
function fullName(reference: string): string {
  const [first = '', ...rest] = reference.split('/');
  if (rest.length > 0 && /[.:]|^localhost$/.test(first)) return reference;
  return `docker.io/${rest.length === 0 ? 'library/' : ''}${reference}`;
}
