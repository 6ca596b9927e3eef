// The npm packages that the built code imports, and what those need: less than `npm ci --omit=dev` installs, which also
// has what is needed to build only (compilers for protos, Node itself).
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import type { Entry } from './tar.ts';

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Needed to run; licences must go with the code. */
const KEPT = /\.(?:js|cjs|mjs|json|node|wasm|proto|binpb)$|(?:^|\/)(?:licen[cs]e|notice|copying)[^/]*$/i;
/** Also what is for another C library than ours. */
const LEFT_OUT =
  /(?:^|\/)(?:test|tests|__tests__|docs|example|examples|\.github|musl_x64)\/|\.d\.[cm]?ts$|\.test\.|tsconfig/i;

/** Bare specifiers of imports in JavaScript files, as package names: `@grpc/grpc-js`. */
export function importedPackages(sources: Iterable<string>): Set<string> {
  const names = new Set<string>();
  const builtIn = new Set(builtinModules);
  for (const text of sources)
    for (const [, specifier = ''] of text.matchAll(
      /(?:^|[;\s}])(?:from|import|import\(|require\()\s*['"]([@\w][^'"\s]*)['"]/g,
    )) {
      if (specifier.startsWith('node:')) continue;
      const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
      if (!builtIn.has(name)) names.add(name);
    }
  return names;
}

/**
 * Directories below `root` of these packages and of all that they depend on, resolved as Node does it: the nearest
 * node_modules upwards. Optional ones that are not installed are left out.
 */
export function packageClosure(root: string, names: Iterable<string>): string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string, optional: boolean) => {
    const dir = resolve(root, name, from);
    if (dir === undefined) {
      if (optional) return;
      throw new Error(`${from || 'dist'} needs the npm package ${name}, which is not installed`);
    }
    if (found.has(dir)) return;
    found.add(dir);
    const { dependencies = {}, optionalDependencies = {} } = readJson(join(root, dir, 'package.json'));
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies }))
      visit(each, dir, Object.hasOwn(optionalDependencies, each));
  };
  for (const name of names) visit(name, '', false);
  return [...found].sort();
}

function resolve(root: string, name: string, from: string): string | undefined {
  for (let at = from; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
    const dir = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (existsSync(join(root, dir, 'package.json'))) return dir;
    if (at === '') return undefined;
  }
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as PackageJson;

/** The files of these packages that are needed at run time, below `target`. */
export function packageFiles(root: string, dirs: readonly string[], target: string): Entry[] {
  return dirs.flatMap((dir) =>
    globSync('**/*', { cwd: join(root, dir), exclude: (name) => name === 'node_modules' })
      .filter((file) => KEPT.test(file) && !LEFT_OUT.test(file))
      .filter((file) => statSync(join(root, dir, file)).isFile())
      .map((file): Entry => {
        const mode = file.endsWith('.node') ? 0o755 : 0o644;
        return { path: `${target}/${dir}/${file}`, type: 'file', mode, content: { from: join(root, dir, file) } };
      }),
  );
}
