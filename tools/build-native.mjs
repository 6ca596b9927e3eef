// Compiles native/*.c into .cache/native/libsluice.so, the dynamic module that Envoy loads. Done again only when a
// source, a flag or the compiler changed.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'native');
const out = join(root, '.cache/native');
const flags = [
  ...[
    '-std=c11',
    '-O2',
    '-g0',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-Wshadow',
    '-Wconversion',
    '-fPIC',
    '-fvisibility=hidden',
  ],
  ...[
    '-fstack-protector-strong',
    '-fcf-protection',
    '-D_FORTIFY_SOURCE=2',
    '-shared',
    '-Wl,-z,relro,-z,now,-z,noexecstack',
  ],
];
const compiler = ['gcc', 'cc', 'clang'].find((name) => spawnSync(name, ['-dumpversion']).status === 0);
if (!compiler) throw new Error("no C compiler (gcc, cc or clang); run 'make setup' as root");

const files = readdirSync(source)
  .filter((name) => /\.[ch]$/.test(name))
  .sort();
const fingerprint = createHash('sha256').update(JSON.stringify([compiler, flags, files]));
for (const file of files) fingerprint.update(readFileSync(join(source, file)));
const stamp = fingerprint.digest('hex');
if (!existsSync(join(out, 'libsluice.so')) || readStamp() !== stamp) {
  mkdirSync(out, { recursive: true });
  // Renamed into place: a running Envoy keeps the file that it has mapped.
  const fresh = join(out, `libsluice.so.${process.pid}`);
  execFileSync(
    compiler,
    [...flags, '-o', fresh, ...files.filter((name) => name.endsWith('.c')).map((name) => join(source, name))],
    { stdio: 'inherit' },
  );
  renameSync(fresh, join(out, 'libsluice.so'));
  writeFileSync(join(out, '.stamp'), stamp);
  console.log('setup: native module: compiled');
}

function readStamp() {
  const path = join(out, '.stamp');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
