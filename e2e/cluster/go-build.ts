import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { withLock } from './lock.ts';
import type { Progress } from './progress.ts';
import { ensureGo } from './setup.ts';
import { run } from './shell.ts';

/** A folder of `go/` with a go.mod: what is built from it, and how. */
export interface GoModule {
  /** Of the folder, and of the directory in the cache. */
  readonly name: string;
  readonly packages: readonly string[];
  readonly ldflags?: readonly string[];
}

/** Outside of the tree, so that every checkout and every clean-up finds it again. */
export function cacheDir(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'sluice');
}

/** The directory with a module's programs, named after all that they are built from. Built when it is not there. */
export async function ensureBuilt(module: GoModule, progress: Progress): Promise<string> {
  const source = join(import.meta.dirname, 'go', module.name);
  const out = join(cacheDir(), module.name, fingerprint(source, module));
  if (existsSync(out)) return out;
  // Two at once would take the machine's cores from each other for minutes, for the same result.
  await withLock(`build:${module.name}`, progress, async () => {
    if (!existsSync(out)) await build(module, source, out, progress);
  });
  return out;
}

async function build(module: GoModule, source: string, out: string, progress: Progress): Promise<void> {
  const go = await ensureGo(progress);
  const fresh = `${out}.new`;
  // Of a build that was killed.
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const flags = ['-trimpath', '-buildvcs=false', `-ldflags=-s -w ${module.ldflags?.join(' ') ?? ''}`];
  const options = { cwd: source, env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' } };
  for (const path of module.packages) {
    const program = path === '.' ? module.name : basename(path);
    await progress.step(`${program}, from its Go module (once)`, () =>
      run([go, 'build', ...flags, '-o', join(fresh, program), path], { ...options, title: `build of ${path}` }),
    );
  }
  // Renamed when it is whole: being there is enough.
  renameSync(fresh, out);
}

function fingerprint(source: string, module: GoModule): string {
  const hash = createHash('sha256').update(JSON.stringify(module));
  for (const file of globSync(['go.mod', 'go.sum', '**/*.go'], { cwd: source }).sort())
    hash.update(`${file}\0`).update(readFileSync(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}
