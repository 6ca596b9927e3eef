// Compiles bpf/*.bpf.c into .cache/bpf/*.bpf.o and writes src/gen/abi.ts from the BTF of bpf/abi/*.h. Done again only when a
// source, a flag or the compiler changed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { generateAbi } from './generate-abi.mjs';
import { bpfCompiler } from './setup-bpf.mjs';
import { root } from './setup-lib.mjs';

const source = join(root, 'bpf');
const out = join(root, '.cache/bpf');
const abiFile = join(root, 'src/gen/abi.ts');

const compiler = bpfCompiler();
if (!compiler) throw new Error("no clang, which compiles the BPF programs; run 'make setup' as root");

const flags = [
  // v3 has 32-bit operations and comparisons: fewer instructions, and bounds that older verifiers understand (kernel 5.1).
  ...['-target', 'bpf', '-mcpu=v3', '-O2', '-g', '-std=gnu11'],
  ...['-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wno-unused-function', '-Wno-address-of-packed-member'],
  // Debian keeps <asm/types.h> in the directory of the architecture, which the BPF target does not search.
  ...['-I', source, '-isystem', '/usr/include/x86_64-linux-gnu'],
];

const stamp = fingerprint();
const stampFile = join(out, '.stamp');
if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp || !existsSync(abiFile)) build();

function build() {
  const started = performance.now();
  mkdirSync(out, { recursive: true });
  mkdirSync(join(root, 'src/gen'), { recursive: true });
  compile(join(source, 'abi/abi.bpf.c'), join(out, 'abi.bpf.o'));
  replace(abiFile, generateAbi(readFileSync(join(out, 'abi.bpf.o'))));
  const programs = readdirSync(source).filter((name) => name.endsWith('.bpf.c'));
  for (const name of programs) compile(join(source, name), join(out, name.replace(/\.c$/, '.o')));
  const made = new Set(['abi.bpf.c', ...programs].map((name) => name.replace(/\.c$/, '.o')));
  for (const name of readdirSync(out)) if (name.endsWith('.bpf.o') && !made.has(name)) rmSync(join(out, name));
  replace(stampFile, stamp);
  console.log(`setup: BPF: ${programs.length} objects in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Renamed into place, so that somebody who loads an object meanwhile reads the old one or the new one. */
function compile(from, to) {
  const fresh = `${to}.${process.pid}`;
  try {
    execFileSync(compiler, [...flags, '-c', from, '-o', fresh], { stdio: 'inherit' });
    renameSync(fresh, to);
  } catch {
    console.error(`setup: BPF: ${basename(from)} does not compile (see above)`);
    process.exit(1);
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** Left alone where it is the same: what is built from it is judged by its time. */
function replace(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(`${path}.${process.pid}`, text);
  renameSync(`${path}.${process.pid}`, path);
}

function fingerprint() {
  const version = execFileSync(compiler, ['--version'], { encoding: 'utf8' });
  const files = globSync('**/*.{c,h}', { cwd: source }).sort();
  const hash = createHash('sha256').update(JSON.stringify([version, flags, files]));
  for (const file of files) hash.update(readFileSync(join(source, file)));
  for (const tool of ['build-bpf.mjs', 'generate-abi.mjs', 'btf.mjs'])
    hash.update(readFileSync(join(root, 'tools', tool)));
  return hash.digest('hex');
}
