// src/ to dist/: generates the protos, builds the BPF programs and their ABI, compiles, copies what the compiler does not. Does nothing when no source changed.
// The new dist/ replaces the old one whole, so no file of a deleted source stays behind.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
process.chdir(root);

run('protos', [join(root, 'tools/generate-protos.mjs')]);
// After the protos, which replace src/gen whole.
run('BPF', [join(root, 'tools/build-bpf.mjs')]);
const stamp = fingerprint();
const stampFile = join(dist, '.stamp');
if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  const started = performance.now();
  const fresh = `${dist}.${process.pid}`;
  try {
    run('tsc', [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      'tsconfig.build.json',
      '--noEmitOnError',
      '--outDir',
      fresh,
    ]);
    copyFileSync(join(root, 'src/gen/envoy-descriptors.binpb'), join(fresh, 'gen/envoy-descriptors.binpb'));
    writeFileSync(join(fresh, '.stamp'), stamp);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  console.log(`build: dist/ in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Names, sizes and times of every input: reading 500 files takes longer than asking for their times. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const file of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'tools/build.mjs'])
    hash.update(readFileSync(join(root, file)));
  const walk = (dir) => {
    for (const entry of readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (!entry.name.endsWith('.test.ts')) {
        const { size, mtimeMs } = statSync(path);
        hash.update(`${path} ${size} ${mtimeMs}\n`);
      }
    }
  };
  walk(join(root, 'src'));
  return hash.digest('hex');
}

function run(what, args) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`build: ${what} failed${error ? `: ${error.message}` : ''}`);
  process.exit(1);
}
