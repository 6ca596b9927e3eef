import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
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
  const go = await ensureGo(progress);
  const fresh = `${out}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    for (const path of module.packages) {
      const program = path === '.' ? module.name : basename(path);
      await progress.step(`${program}, from its Go module (once)`, () =>
        run(
          [go, 'build', '-trimpath', '-buildvcs=false', `-ldflags=-s -w ${module.ldflags?.join(' ') ?? ''}`].concat(
            '-o',
            join(fresh, program),
            path,
          ),
          { cwd: source, env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' } },
        ),
      );
    }
    // Renamed when whole: being there is enough. Another starter may have been faster, with the same result.
    if (!existsSync(out)) renameSync(fresh, out);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return out;
}

function fingerprint(source: string, module: GoModule): string {
  const hash = createHash('sha256').update(JSON.stringify(module));
  for (const file of globSync(['go.mod', 'go.sum', '**/*.go'], { cwd: source }).sort())
    hash.update(`${file}\0`).update(readFileSync(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}
