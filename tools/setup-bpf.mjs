// What building and loading the BPF programs takes: Debian's packages, and the compiler among them.
import { existsSync } from 'node:fs';
import { has } from './setup-lib.mjs';

/** Newest first; Debian's `clang` package installs the plain name. */
const compilers = ['clang', ...[21, 20, 19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`)];

/** The clang that compiles for BPF, or undefined. */
export function bpfCompiler() {
  return compilers.map(has).find(Boolean);
}

/** Debian's package names, and whether what is needed of each is there already. */
export function bpfPackages() {
  return [
    ['clang', bpfCompiler()],
    ['libbpf-dev', existsSync('/usr/include/bpf/bpf_helpers.h')],
    ['libbpf1', libraryIsThere('libbpf.so.1')],
  ];
}

function libraryIsThere(name) {
  return ['/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'].some((dir) =>
    existsSync(`${dir}/${name}`),
  );
}
