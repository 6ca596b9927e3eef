// Gateway API's conformance suite as a Go module: its folder in Go's module cache, its test binary, and the echo server that
// its manifests run. Nothing of it is copied into this tree.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const cache = join(root, '.cache/conformance');

export interface Suite {
  /** `v1.6.3` */
  readonly version: string;
  /** The test binary. */
  readonly binary: string;
  /** The server of the `echo-basic` images, static. */
  readonly echo: string;
  /** Folder of the suite: `base/manifests.yaml`, `tests/*.yaml`. */
  readonly dir: string;
  /** Folder of the CustomResourceDefinitions of the experimental channel. */
  readonly crds: string;
}

/** Runs `go` in the module of the suite; gives what it printed. Throws what it said. */
function goRunner(): (...args: string[]) => string {
  const setup = `import { ensureGo } from ${JSON.stringify(join(root, 'tools/setup-go.mjs'))}; console.log(ensureGo());`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', setup], { encoding: 'utf8' });
  const go = printed.trim().split('\n').at(-1) ?? 'go';
  return (...args) =>
    execFileSync(go, args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
    });
}

/** The folder of the experimental channel's CustomResourceDefinitions, in Go's module cache. */
export function gatewayCrds(run = goRunner()): string {
  run('mod', 'download', apiModule);
  return join(run('list', '-m', '-f', '{{.Dir}}', apiModule).trim(), 'config/crd/experimental');
}

/** Builds what is not there yet: minutes the first time, then nothing. Throws what `go` said. */
export function buildSuite(log: (line: string) => void): Suite {
  const run = goRunner();
  run('mod', 'download', suiteModule);
  const crds = gatewayCrds(run);
  const [suite = '', version = ''] = run('list', '-m', '-f', '{{.Dir}} {{.Version}}', suiteModule).trim().split(' ');
  const built = (name: string, ...args: string[]): string => {
    const out = join(cache, `${name}-${sourceHash()}`);
    if (existsSync(out)) return out;
    log(`building ${name}`);
    mkdirSync(cache, { recursive: true });
    const fresh = `${out}.${process.pid}`;
    run(...args, '-trimpath', '-ldflags=-s -w', '-o', fresh, name === 'suite' ? '.' : `${suiteModule}/${name}`);
    renameSync(fresh, out);
    return out;
  };
  return {
    version,
    binary: built('suite', 'test', '-c'),
    echo: built('echo-basic', 'build'),
    dir: suite,
    crds,
  };
}

const apiModule = 'sigs.k8s.io/gateway-api';
const suiteModule = `${apiModule}/conformance`;

/** Of all that decides what the binaries are. */
function sourceHash(): string {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum', 'main_test.go']) hash.update(readFileSync(join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 16);
}

/** The images that the manifests of the suite's tests name, tags included. */
export function imagesNamedIn({ dir }: Pick<Suite, 'dir'>): string[] {
  const named = globSync(['base/*.yaml', 'tests/*.yaml'], { cwd: dir })
    .filter((file) => !file.startsWith('tests/mesh'))
    .flatMap((file) => [...readFileSync(join(dir, file), 'utf8').matchAll(/^\s*(?:- )?image: (\S+)$/gm)])
    .map((match) => match[1] as string);
  return [...new Set(named)].sort();
}
