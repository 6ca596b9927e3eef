// Compiles into .cache/native: native/*.c into libsluice.so, the dynamic module that Envoy loads, and native/cni/*.c into
// sluice-cni, the plugin that container runtimes execute. Each again only when a source, a flag or the compiler changed.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, '.cache/native');
const strict = ['-O2', '-g0', '-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wconversion'];
const hardened = [
  '-fstack-protector-strong',
  '-fcf-protection',
  '-D_FORTIFY_SOURCE=2',
  '-Wl,-z,relro,-z,now,-z,noexecstack',
];
const compiler = ['gcc', 'cc', 'clang'].find((name) => spawnSync(name, ['-dumpversion']).status === 0);
if (!compiler) throw new Error("no C compiler (gcc, cc or clang); run 'make setup' as root");

compile('native', 'libsluice.so', ['-std=c11', ...strict, ...hardened, '-fPIC', '-fvisibility=hidden', '-shared']);
// Static: it is copied onto nodes that may have another C library, or an older one.
compile('native/cni', 'sluice-cni', ['-std=gnu11', '-D_GNU_SOURCE', ...strict, ...hardened, '-static', '-s']);

function compile(folder, name, flags) {
  const source = join(root, folder);
  const files = readdirSync(source)
    .filter((file) => /\.[ch]$/.test(file))
    .sort();
  const fingerprint = createHash('sha256').update(JSON.stringify([compiler, flags, files]));
  for (const file of files) fingerprint.update(readFileSync(join(source, file)));
  const stamp = fingerprint.digest('hex');
  const stampFile = join(out, `.stamp-${name}`);
  if (existsSync(join(out, name)) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  mkdirSync(out, { recursive: true });
  // Renamed into place: who has the old file open or mapped keeps it.
  const fresh = join(out, `${name}.${process.pid}`);
  const inputs = files.filter((file) => file.endsWith('.c')).map((file) => join(source, file));
  execFileSync(compiler, [...flags, '-o', fresh, ...inputs], { stdio: 'inherit' });
  renameSync(fresh, join(out, name));
  writeFileSync(stampFile, stamp);
  console.log(`setup: native ${name}: compiled`);
}
