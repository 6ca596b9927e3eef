// The shared libraries that binaries need, with the Debian packages that they come from: their versions and licences go
// into the image as Debian's own minimal images have them, so that scanners know what is in it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import type { Entry } from './tar.ts';

/**
 * What the dynamic linker would load for these files, at the paths where it would look.
 * @param opened names of libraries that programs open by themselves: `libbpf.so.1`
 */
export function librariesOf(binaries: readonly string[], opened: readonly string[] = []): Entry[] {
  const found = new Map<string, string>();
  const own = opened.map(libraryPath);
  for (const path of own) found.set(path, realpathSync(path));
  for (const binary of [...binaries, ...own]) {
    const { stdout, stderr, status } = spawnSync('ldd', [binary], { encoding: 'utf8', env: { LC_ALL: 'C' } });
    if (status !== 0 && !/not a dynamic executable|statically linked/.test(`${stdout}${stderr}`))
      throw new Error(`ldd ${binary}: ${stderr.trim()}`);
    for (const line of stdout.split('\n')) {
      if (/=> not found/.test(line)) throw new Error(`${binary} needs ${line.trim()}`);
      const path = /(?:=> |^\s+)(\/\S+) \(0x/.exec(line)?.[1];
      if (path !== undefined) found.set(path, realpathSync(path));
    }
  }
  const files = [...found].map(([path, from]): Entry => ({ path, type: 'file', mode: 0o755, content: { from } }));
  return [...files, ...debianRecords([...new Set(found.values())])];
}

/** By the linker's cache. @throws Error where there is none */
function libraryPath(name: string): string {
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  const line = stdout.split('\n').find((each) => each.trim().startsWith(`${name} (libc6,x86-64)`));
  const path = line?.split(' => ')[1]?.trim();
  if (path === undefined) throw new Error(`the library ${name} is missing: run 'make setup'`);
  return path;
}

function debianRecords(files: readonly string[]): Entry[] {
  const packages = new Set<string>();
  for (const file of files) {
    // With /lib merged into /usr, dpkg knows a file by either of its paths.
    for (const path of [file, file.replace(/^\/usr/, '')]) {
      const { stdout, status } = spawnSync('dpkg-query', ['--search', path], { encoding: 'utf8' });
      if (status === 0) packages.add(stdout.slice(0, stdout.indexOf(': /')));
    }
  }
  return [...packages].sort().flatMap((name): Entry[] => {
    const plain = name.replace(/:.*/, '');
    const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
    const copyright = `/usr/share/doc/${plain}/copyright`;
    return [
      { path: `/var/lib/dpkg/status.d/${plain}`, type: 'file', content: stdout },
      ...(existsSync(copyright)
        ? [{ path: copyright, type: 'file', content: readFileSync(copyright) } satisfies Entry]
        : []),
    ];
  });
}
